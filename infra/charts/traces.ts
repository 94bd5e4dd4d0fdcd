import { inUrl } from '#core/http/origin';

import type { Settings } from '../settings.ts';
import { TRACES_CONFIG, TRACES_KEY } from './names.ts';
import type { LateObject } from './part.ts';
import { ANYWHERE, type Way } from './network.ts';
import { observerPeer, observerUrl, PHOENIX_PORT } from './observer-names.ts';
import type { EnvSource } from './workload.ts';

/** Who takes the traces of both tiers. */
interface Receiver {
  readonly part: 'jaeger' | 'phoenix';
  /** OTLP over HTTP. */
  readonly port: number;
}

/** Of another name than the one for pods of the cluster: it is a load balancer. */
export const OUTSIDE = '-outside';

/** The receiver in the cluster of the gateways; undefined where it is elsewhere, or nowhere. */
export function receiverOf({ observability }: Settings): Receiver | undefined {
  const { traces } = observability;
  if (traces === 'none' || observability[traces].mode !== 'in-cluster') return undefined;
  return { part: traces, port: traces === 'jaeger' ? 4318 : PHOENIX_PORT };
}

/** Whether the receiver is in another cluster than tier two. */
export function tracesCross(settings: Settings): boolean {
  return settings.topology === 'two-clusters' && receiverOf(settings) !== undefined;
}

/** Environment of a tier. */
export function tracesEnv(settings: Settings, tier: 'tier-one' | 'tier-two'): Readonly<Record<string, EnvSource>> {
  const { observability, namespaces } = settings;
  const { traces, contents } = observability;
  if (traces === 'none') return {};
  const receiver = receiverOf(settings);
  const observer = observability[traces];
  const external = observer.mode === 'external' ? observer.endpoint : '';
  const base = receiver === undefined ? external : observerUrl(namespaces, receiver.part, receiver.port);
  const crosses = tier === 'tier-two' && tracesCross(settings);
  return {
    [TRACES_KEY]: crosses ? { configMap: TRACES_CONFIG, key: TRACES_KEY } : `${base}/v1/traces`,
    OTEL_RESOURCE_ATTRIBUTES: 'openinference.project.name=tierkit',
    ...(contents ? { OPENINFERENCE_HIDE_INPUTS: 'false', OPENINFERENCE_HIDE_OUTPUTS: 'false' } : {}),
  };
}

/** Tier two learns the address of a receiver in another cluster once that has one. Its pods wait for it. */
export function lateTraces(settings: Settings): LateObject[] {
  const receiver = receiverOf(settings);
  if (receiver === undefined || !tracesCross(settings)) return [];
  const { namespaces } = settings;
  return [
    {
      address: {
        part: receiver.part,
        cluster: 'gateway',
        of: 'Service',
        namespace: namespaces.observability,
        name: `${receiver.part}${OUTSIDE}`,
      },
      manifest: (host) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: TRACES_CONFIG, namespace: namespaces.tierTwo },
        data: { [TRACES_KEY]: `http://${inUrl(host)}:${receiver.port}/v1/traces` },
      }),
    },
  ];
}

/** The way of a tier's traces through the network policies. */
export function tracesWays(settings: Settings, tier: 'tier-one' | 'tier-two'): Way[] {
  const { observability, namespaces } = settings;
  const { traces } = observability;
  if (traces === 'none') return [];
  const receiver = receiverOf(settings);
  if (receiver !== undefined) {
    const peers = tier === 'tier-two' && tracesCross(settings) ? ANYWHERE : [observerPeer(namespaces, receiver.part)];
    return [{ peers, ports: [receiver.port] }];
  }
  const observer = observability[traces];
  return observer.mode === 'external' ? [{ peers: ANYWHERE, ports: [portOf(observer.endpoint)] }] : [];
}

export function portOf(endpoint: string): number {
  const { port, protocol } = new URL(endpoint);
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
