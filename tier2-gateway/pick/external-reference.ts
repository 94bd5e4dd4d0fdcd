import type { InferencePool } from '#core/resources/inference/inference-pool';
import type { Report } from '#core/resources/kind';
import { Service } from '#core/resources/kubernetes/service';
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

/**
 * The picker that a pool names, unless an annotation lets the gateway pick. It is called with TLS and verified: by a BackendTLSPolicy of its
 * Service, or by the system's certificates; anything less has to be asked for.
 * @returns undefined where the gateway picks, or after a report
 */
export function externalPickerOf(pool: InferencePool, report: Report, scope: Scope): ExternalReference | undefined {
  const { annotations, namespace } = pool.metadata;
  const chosen = annotations[PICKER];
  if (chosen !== undefined && chosen !== 'built-in') report(`metadata.annotations["${PICKER}"]`, `must be "built-in", not "${chosen}"`);
  const mode = annotations[PICKER_TLS];
  if (mode !== undefined && mode !== 'plaintext' && mode !== 'insecure')
    report(`metadata.annotations["${PICKER_TLS}"]`, `must be "plaintext" or "insecure", not "${mode}"`);
  const ref = pool.body.spec.endpointPickerRef;
  if (chosen !== undefined || ref === undefined) return undefined;
  const path = 'spec.endpointPickerRef';
  if (ref.group !== '' || ref.kind !== 'Service') {
    report(`${path}.kind`, `must be a Service, not ${ref.kind}${ref.group === '' ? '' : ` of ${ref.group}`}`);
    return undefined;
  }
  if (scope.set.get(Service, namespace, ref.name) === undefined) {
    const missing = scope.references.missing(Service, namespace, ref.name);
    report(`${path}.name`, `${missing}; load it, or let the gateway pick with the annotation ${PICKER}: built-in`);
    return undefined;
  }
  const origin = originsOf({ group: '', kind: 'Service', name: ref.name, port: ref.port!.number }, pool, path, scope)?.origins[0];
  if (origin === undefined) return undefined;
  const { host, port, tls } = origin;
  const verified: EppTls = {
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.serverName === undefined ? {} : { serverName: tls.serverName }),
  };
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    tls: mode === 'plaintext' ? mode : mode === 'insecure' ? { insecure: true } : verified,
    failureMode: ref.failureMode,
  };
}
