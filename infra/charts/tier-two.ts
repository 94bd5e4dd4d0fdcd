import type { Settings } from '../settings.ts';
import { MODELS_LABEL } from './labels.ts';
import { MODEL_PORT, TIER_ONE, TIER_TWO } from './names.ts';
import { ANYWHERE, type Peer } from './network.ts';
import type { Part } from './part.ts';
import { POD_RULES, READ_RULES } from './rbac.ts';
import { keyNeed, tierSheet } from './tier.ts';
import { lateTraces, receiverOf } from './traces.ts';

/** Pods of tier two. */
export function tierTwo(settings: Settings): Part {
  const { tierTwo: of, namespaces } = settings;
  const receiver = receiverOf(settings);
  const models = [{ namespaceLabels: { [MODELS_LABEL]: 'true' } }];
  const sheet = tierSheet(settings, {
    tier: TIER_TWO,
    command: 'tier2',
    of,
    namespace: namespaces.tierTwo,
    adminPort: 1065,
    args: [`--audience=${of.audience}`],
    trustsOther: !of.open,
    rules: [...READ_RULES, ...POD_RULES],
    callers: callers(settings),
    // Model servers, and the pickers of pools.
    called: [{ peers: models, ports: [MODEL_PORT, 9002] }],
  });
  return {
    name: TIER_TWO,
    cluster: 'model',
    needs: receiver === undefined ? [] : [receiver.part],
    manifests: sheet.manifests(),
    secrets: [keyNeed(settings, TIER_TWO, namespaces.tierTwo)],
    late: lateTraces(settings),
    awaited: [],
  };
}

function callers({ topology, namespaces, networkPolicies, tierTwo: { open } }: Settings): readonly Peer[] {
  if (open) return ANYWHERE;
  if (topology === 'two-clusters') return networkPolicies.tierOne.map((cidr) => ({ cidr }));
  return [{ namespace: namespaces.tierOne, labels: { 'app.kubernetes.io/component': TIER_ONE } }];
}
