import { podRelabelings, type Relabeling, serviceRelabelings } from '../relabeling.ts';
import { labelsOf, OUTSIDE_LABEL, type Role, TARGETS } from '../targets.ts';
import { type ObjectOptions, type OperatorObject, operatorObject } from './object.ts';

export interface MonitorOptions extends ObjectOptions {
  readonly role: Role;
  /** Labels of the pods or Services. @default {@link labelsOf} the role */
  readonly matchLabels?: Readonly<Record<string, string>>;
  /** Where they are. @default the namespace of the monitor */
  readonly namespaces?: readonly string[] | 'any';
  /** Name of the port. @default `admin`; of model servers `http` */
  readonly port?: string;
  /** A duration of Prometheus. @default 15s */
  readonly interval?: string;
  /** At most the interval. @default 10s */
  readonly scrapeTimeout?: string;
}

export interface PodMonitorOptions extends MonitorOptions {
  /** InferencePool of model servers. @default their label `tierkit.dev/pool` */
  readonly pool?: string;
}

interface Endpoint {
  readonly port: string;
  readonly path: '/metrics';
  readonly interval: string;
  readonly scrapeTimeout: string;
  readonly honorLabels: boolean;
  readonly relabelings: readonly object[];
}

interface MonitorSpec {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly namespaceSelector?: { readonly any: true } | { readonly matchNames: readonly string[] };
}

export type PodMonitor = OperatorObject<'PodMonitor', MonitorSpec & { readonly podMetricsEndpoints: readonly [Endpoint] }>;
export type ServiceMonitor = OperatorObject<'ServiceMonitor', MonitorSpec & { readonly endpoints: readonly [Endpoint] }>;

/** Scrapes the pods of a role, whether they are ready or not: a gateway that drains is still to be seen. */
export function podMonitor(options: PodMonitorOptions): PodMonitor {
  const { role, pool } = options;
  const name = options.name ?? (pool === undefined ? `tierkit-${role}` : `tierkit-${role}-${pool}`);
  return operatorObject('PodMonitor', name, options, {
    ...specOf(options, labelsOf(role)),
    podMetricsEndpoints: [endpointOf(options, podRelabelings(role, pool))],
  });
}

/**
 * Scrapes gateways behind a Service. Pods are better found by {@link podMonitor}: this is for what has none here, such as tier one on machines
 * of its own, or tier two of another cluster, as a Service without a selector and an EndpointSlice with their addresses.
 */
export function serviceMonitor(options: MonitorOptions): ServiceMonitor {
  const { role, name = `tierkit-${role}-outside` } = options;
  return operatorObject('ServiceMonitor', name, options, {
    ...specOf(options, { ...labelsOf(role), [OUTSIDE_LABEL]: 'true' }),
    endpoints: [endpointOf(options, serviceRelabelings(role))],
  });
}

function specOf({ matchLabels, namespaces }: MonitorOptions, byDefault: Readonly<Record<string, string>>): MonitorSpec {
  const where = namespaces === 'any' ? ({ any: true } as const) : namespaces && { matchNames: namespaces };
  return { selector: { matchLabels: matchLabels ?? byDefault }, ...(where === undefined ? {} : { namespaceSelector: where }) };
}

function endpointOf({ role, port, interval = '15s', scrapeTimeout = '10s' }: MonitorOptions, steps: readonly Relabeling[]): Endpoint {
  const { portName, honorLabels } = TARGETS[role];
  return { port: port ?? portName, path: '/metrics', interval, scrapeTimeout, honorLabels, relabelings: steps.map(operatorRelabeling) };
}

/** As `relabelings` of the operator have it. */
function operatorRelabeling({ source, regex, target, replacement, action }: Relabeling): object {
  return {
    ...(source === undefined ? {} : { sourceLabels: source }),
    ...(regex === undefined ? {} : { regex }),
    ...(target === undefined ? {} : { targetLabel: target }),
    ...(replacement === undefined ? {} : { replacement }),
    action: action ?? 'replace',
  };
}
