import type { AiTarget } from '../providers/target.ts';
import type { Sliced } from '../resources/slices.ts';
import type { Rule } from '../route/rule.ts';
import type { Families } from '../telemetry/metrics.ts';
import { pemExpiry } from '../telemetry/metrics/expiry.ts';
import { everyRule } from './measured.ts';
import type { Snapshot } from './snapshot.ts';

type Kind = 'listener_certificate' | 'client_certificate' | 'ca_certificate' | 'api_key';

/** Shows when what the configuration holds ends: once for each configuration, in slices. Never a value, only whose it is. */
export function* expiryGauges(snapshot: Snapshot, { expiresAt }: Pick<Families, 'expiresAt'>): Sliced<void> {
  const ends = new Map<string, { readonly kind: Kind; readonly name: string; readonly at: number }>();
  const show = (kind: Kind, name: string, at: number | undefined): void => {
    if (at === undefined) return;
    const key = `${kind} ${name}`;
    const known = ends.get(key);
    if (known === undefined || at < known.at) ends.set(key, { kind, name, at });
  };
  for (const { listeners } of snapshot.ports)
    for (const { name, certificates } of listeners)
      for (const { pair } of certificates) show('listener_certificate', name, pemExpiry(pair.cert));
  const read = new Map<string, number | undefined>();
  const once = (pem: string): number | undefined => {
    if (!read.has(pem)) read.set(pem, pemExpiry(pem));
    return read.get(pem);
  };
  for (const rule of everyRule(snapshot)) {
    yield;
    for (const { backend, credential } of targetsOf(rule)) showTarget(backend, credential);
  }
  expiresAt.clear();
  for (const { kind, name, at } of ends.values()) expiresAt.with(kind, name).set(at);

  function showTarget(backend: AiTarget['backend'], credential: AiTarget['credential']): void {
    show('api_key', backend.name, credential?.expiresAt);
    for (const { origin } of backend.endpoints) {
      const { certificate, ca } = origin.tls ?? {};
      if (certificate !== undefined) show('client_certificate', backend.name, once(certificate));
      if (ca !== undefined) show('ca_certificate', backend.name, once(ca));
    }
  }
}

/** Targets of AI and of ordinary rules; the latter have no credential. */
function targetsOf(rule: Rule): readonly (Pick<AiTarget, 'backend'> & Partial<Pick<AiTarget, 'credential'>>)[] {
  return rule.ai ? rule.plan.targets : rule.plan.targets;
}
