import { localKind } from '#core/http/local-address';
import type { InferencePool } from '#core/resources/inference/inference-pool';
import type { Report } from '#core/resources/kind';
import type { Scope } from '#core/route/scope';

import { ENDPOINTS, ENDPOINTS_FILE, readAnnotations, type SourceSettings } from '../pools/annotations.ts';

/**
 * What the annotations of a pool say of its endpoints, with what a cluster does not let them say: there whoever may write a pool would
 * speak in the name of the gateway's own machine.
 * @returns undefined where they say nothing, or nothing that is right: then `report` has the reason
 */
export function checkedAnnotations(
  pool: InferencePool,
  { shared, allowLocalAddresses }: Pick<Scope, 'shared' | 'allowLocalAddresses'>,
  report: Report,
): SourceSettings | undefined {
  const settings = readAnnotations(pool, report);
  if (shared && settings?.type === 'file')
    report(`metadata.annotations[${ENDPOINTS_FILE}]`, 'names a file of the process, which resources of a cluster may not');
  if (allowLocalAddresses || settings?.type !== 'static') return settings;
  for (const { address } of settings.endpoints) {
    const kind = localKind(address);
    if (kind === undefined) continue;
    report(`metadata.annotations[${ENDPOINTS}]`, `"${address}" is ${kind}; in a cluster none is called unless the gateway is told to`);
  }
  return settings;
}
