import type { AiTarget } from '../providers/target.ts';
import type { Rule } from '../route/rule.ts';
import type { Families } from '../telemetry/metrics.ts';
import { pemExpiry } from '../telemetry/metrics/expiry.ts';
import { rulesOf } from './measured.ts';
import type { Snapshot } from './snapshot.ts';

type Kind = 'listener_certificate' | 'client_certificate' | 'ca_certificate' | 'api_key';

/** Shows when what the configuration holds ends: once for each configuration. Never a value, only whose it is. */
export function expiryGauges(snapshot: Snapshot, { expiresAt }: Pick<Families, 'expiresAt'>): void {
  expiresAt.clear();
  const show = (kind: Kind, name: string, at: number | undefined): void => {
    if (at === undefined) return;
    const gauge = expiresAt.with(kind, name);
    if (gauge.value === 0 || at < gauge.value) gauge.set(at);
  };
  for (const { listeners } of snapshot.ports)
    for (const { name, certificates } of listeners)
      for (const { pair } of certificates) show('listener_certificate', name, pemExpiry(pair.cert));
  const read = new Map<string, number | undefined>();
  const once = (pem: string): number | undefined => {
    if (!read.has(pem)) read.set(pem, pemExpiry(pem));
    return read.get(pem);
  };
  for (const { backend, credential } of targetsOf(rulesOf(snapshot))) {
    show('api_key', backend.name, credential?.expiresAt);
    for (const { origin } of backend.endpoints) {
      const { certificate, ca } = origin.tls ?? {};
      if (certificate !== undefined) show('client_certificate', backend.name, once(certificate));
      if (ca !== undefined) show('ca_certificate', backend.name, once(ca));
    }
  }
}

/** Targets of AI and of ordinary rules; the latter have no credential. */
function* targetsOf(rules: Iterable<Rule>): Iterable<Pick<AiTarget, 'backend'> & Partial<Pick<AiTarget, 'credential'>>> {
  for (const rule of rules) {
    if (rule.ai) yield* rule.plan.targets;
    else yield* rule.plan.targets;
  }
}
