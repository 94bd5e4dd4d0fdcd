import type { CredentialMeasure } from '../providers/credentials/shared-credentials.ts';
import type { Families } from '../telemetry/metrics.ts';

/** Shows when the credentials end that are fetched, and how fetching them goes. Never a value, only whose it is. */
export function showCredentials(
  measures: readonly CredentialMeasure[],
  { credentialEndsAt, credentialFetches }: Pick<Families, 'credentialEndsAt' | 'credentialFetches'>,
): void {
  credentialEndsAt.clear();
  const there = new Set(measures.map(({ policy, type }) => `${policy} ${type}`));
  for (const { labels } of credentialFetches.series()) {
    const [policy = '', type = ''] = labels;
    if (!there.has(`${policy} ${type}`)) credentialFetches.remove('policy', policy);
  }
  for (const { policy, type, endsAt, counts } of measures) {
    if (endsAt !== undefined) credentialEndsAt.with(policy, type).set(endsAt / 1000);
    credentialFetches.with(policy, type, 'ok').value = counts.ok;
    credentialFetches.with(policy, type, 'failed').value = counts.failed;
  }
}
