import { inUrl, type Origin } from '#core/http/origin';
import type { InferencePool } from '#core/resources/inference/inference-pool';
import { Service, type ServicePort } from '#core/resources/kubernetes/service';
import type { Reason } from '#core/resources/reason';
import { PICKER, PICKER_TLS } from '#core/route/annotations';
import { originsOf } from '#core/route/origins';
import type { Scope } from '#core/route/scope';

import type { EppTls } from '../epp/client.ts';
import type { FailureMode } from '../epp/failure-mode.ts';

/** How the endpoint picker of a pool is reached. */
export interface ExternalReference {
  /** `host:port`. */
  readonly address: string;
  readonly tls: EppTls | 'plaintext';
  readonly failureMode: FailureMode;
}

/** A problem of the pool. */
export type ReportPool = (path: string, message: string, reason?: Reason) => void;

const PATH = 'spec.endpointPickerRef';
const INVALID = 'InvalidExtensionRef';

/**
 * The picker that a pool names, unless an annotation lets the gateway pick. It is called with TLS and verified: by a BackendTLSPolicy of its
 * Service, or outside a cluster by the system's certificates; anything less has to be asked for there.
 * @returns undefined where the gateway picks, or after a report
 */
export function externalPickerOf(pool: InferencePool, report: ReportPool, scope: Scope): ExternalReference | undefined {
  const { annotations, namespace } = pool.metadata;
  const chosen = annotations[PICKER];
  if (chosen !== undefined && chosen !== 'built-in') report(`metadata.annotations["${PICKER}"]`, `must be "built-in", not "${chosen}"`);
  const mode = annotations[PICKER_TLS];
  if (mode !== undefined && mode !== 'plaintext' && mode !== 'insecure')
    report(`metadata.annotations["${PICKER_TLS}"]`, `must be "plaintext" or "insecure", not "${mode}"`);
  const ref = pool.body.spec.endpointPickerRef;
  if (chosen !== undefined || ref === undefined) return undefined;
  if (ref.group !== '' || ref.kind !== 'Service') {
    report(`${PATH}.kind`, `must be a Service, not ${ref.kind}${ref.group === '' ? '' : ` of ${ref.group}`}`, INVALID);
    return undefined;
  }
  const service = scope.set.get(Service, namespace, ref.name);
  if (service === undefined) {
    const missing = scope.references.missing(Service, namespace, ref.name);
    report(`${PATH}.name`, `${missing}; load it, or let the gateway pick with the annotation ${PICKER}: built-in`, INVALID);
    return undefined;
  }
  // On a laptop it is the only way to name a picker by an address.
  if (scope.shared && service.body.spec.type === 'ExternalName') {
    report(`${PATH}.name`, `Service ${namespace}/${ref.name} has type ExternalName, which no endpoint picker may have`, INVALID);
    return undefined;
  }
  const origin = originOf(service, ref.port!.number, pool, report, scope);
  if (origin === undefined) return undefined;
  const { host, port, tls } = origin;
  // In a cluster pickers sign their certificates themselves, as the reference's do: without a policy there is nothing to verify them by.
  const insecure = mode === 'insecure' || (mode === undefined && scope.shared && tls === undefined);
  const verified: EppTls = {
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.serverName === undefined ? {} : { serverName: tls.serverName }),
  };
  return {
    address: `${inUrl(host)}:${port}`,
    tls: mode === 'plaintext' ? mode : insecure ? { insecure: true } : verified,
    failureMode: ref.failureMode,
  };
}

/** Where the Service of a picker is reached: its address, or its name. @returns undefined after a report */
function originOf(service: Service, port: number, pool: InferencePool, report: ReportPool, scope: Scope): Origin | undefined {
  const { namespace, name } = service.metadata;
  let told = false;
  // By its name a headless Service leads to all pods of the picker: its slices would be a list that is old at the next start of one.
  const byName: Scope = {
    ...scope,
    shared: false,
    report(resource, path, message, reason) {
      if (resource !== pool) {
        scope.report(resource, path, message, reason);
        return;
      }
      told = true;
      report(path, message, INVALID);
    },
  };
  const origin = originsOf({ group: '', kind: 'Service', name, port }, pool, PATH, byName)?.origins[0];
  if (origin === undefined) {
    if (!told && scope.shared) report(PATH, `Service ${namespace}/${name} is not called: its BackendTLSPolicy has problems`, INVALID);
    return undefined;
  }
  return scope.shared && service.body.spec.clusterIP === 'None' ? { ...origin, port: podPort(service, port, scope) } : origin;
}

/** The port of the pods behind a headless Service, which nothing translates. */
function podPort({ metadata: { namespace, name }, body: { spec } }: Service, port: number, scope: Scope): number {
  const known: ServicePort | undefined = spec.ports?.find((candidate) => candidate.port === port);
  const { targetPort = port, name: portName = '' } = known ?? {};
  if (typeof targetPort === 'number') return targetPort;
  const ports = scope.slices(`${namespace}/${name}`).flatMap((slice) => slice.ports);
  return ports.find((candidate) => candidate.name === portName)?.port ?? port;
}
