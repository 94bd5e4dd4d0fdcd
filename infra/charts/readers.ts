import type { Settings } from '../settings.ts';
import { CLIENT_KEYS, providerSecret, TIER_ONE, tierField, type TierName } from './names.ts';
import { type Account, addAccess, namedReader } from './rbac.ts';
import type { Sheet } from './sheet.ts';

/** Leave for a process to read the Secrets and ConfigMaps that resources of a tier's namespace name: by name, and no others. */
export function addReaders(sheet: Sheet, settings: Settings, tier: TierName, account: Account): void {
  const namespace = settings.namespaces[tierField(tier)];
  const rules = namedReader(secretsOf(settings, tier), configMapsOf(settings, tier));
  if (rules.length > 0) addAccess(sheet, namespace, `${account.name}-reads`, rules, [account]);
}

function secretsOf({ providers, tierOne, tierTwo }: Settings, tier: TierName): string[] {
  const of = tier === TIER_ONE ? tierOne : tierTwo;
  const { tls } = of.exposure;
  const keys = providers.flatMap(({ name, key }) =>
    key === undefined ? [] : [key.from === 'existing' ? key.secret : providerSecret(name)],
  );
  return [
    ...(tier === TIER_ONE ? keys : []),
    ...(tier === TIER_ONE && tierOne.clients.length > 0 ? [CLIENT_KEYS] : []),
    ...(tls === undefined ? [] : [tls.secret]),
    ...of.readsSecrets,
  ];
}

function configMapsOf({ tierTwo }: Settings, tier: TierName): string[] {
  const ca = tierTwo.exposure.tls?.caConfigMap;
  return tier === TIER_ONE && ca !== undefined ? [ca] : [];
}
