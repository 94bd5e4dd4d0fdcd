import { EndpointTable } from '#core/read/endpoints';
import { Tier, type TierOptions } from '#core/serve/tier';
import { Metrics } from '#core/telemetry/metrics';
import type { TierKeys } from '#core/tiers/keys';

import { poolRoutes, poolStates } from './admin.ts';
import { TierTwoStages } from './app.ts';
import { PoolsInService } from './pick/pools-in-service.ts';
import type { PodEndpoints } from './pools/pod-source.ts';

/** What a process of tier two is started with. */
export interface TierTwoOptions extends Omit<TierOptions, 'prefixes'> {
  readonly keys: TierKeys;
  /** The name that tier one signs requests for. */
  readonly audience: string;
  /** In a cluster: the pods of the pools. @default pools need an annotation that names their endpoints */
  readonly pods?: PodEndpoints | undefined;
}

/** Model servers have all their APIs below one root. */
const TIER_TWO_PREFIXES = { root: '/', openai: '/', cohere: '/', anthropic: '/' };

/** Time for the first lists of pods. */
const KNOWN_MS = 10_000;
/** After this time a process that waits for them says so. */
const TOLD_MS = 1000;

/** A running tier two. */
export class TierTwo extends Tier {
  constructor(options: TierTwoOptions) {
    const { keys, audience, log, pods: podEndpoints } = options;
    const metrics = new Metrics('two');
    const pools = new PoolsInService((message) => log('warn', message), { metrics, pods: podEndpoints });
    super({ ...options, prefixes: TIER_TWO_PREFIXES }, metrics, {
      stages: new TierTwoStages(keys, audience, metrics),
      // A pool whose pods have not been read looks empty.
      ...(podEndpoints === undefined ? {} : { known: () => podsKnown(podEndpoints, log) }),
      pools,
      admin: (app) => poolRoutes(app, pools),
      status: { name: 'tier two', pools: (most) => poolStates(pools, most), explains: true },
      notices: () => noticesOf(keys),
    });
  }
}

/** Resolves when the pods of all pools are known, or not in time; says what it waits for. */
async function podsKnown(pods: PodEndpoints, log: TierTwoOptions['log']): Promise<void> {
  const names = (): string => pods.unread().join(', ');
  const told = setTimeout(() => log('info', `not ready yet: the pods of ${names()} have not been read`), TOLD_MS);
  const known = await pods.synced(KNOWN_MS);
  clearTimeout(told);
  if (!known)
    log('warn', `ready, but the pods of ${names()} could not be read in ${KNOWN_MS / 1000} s: these pools have no endpoint until they are`);
}

/** A command to paste needs the paths as this tier has them. */
export function tierTwoEndpoints(): EndpointTable {
  return new EndpointTable(TIER_TWO_PREFIXES);
}

function noticesOf({ peers, signing }: TierKeys): string[] {
  const notices: string[] = [];
  if (peers === undefined)
    notices.push(
      'no --peer-keys: requests need no token of tier one; let a SecurityPolicy with API keys say who may call (tier one sends its own with a BackendSecurityPolicy)',
    );
  if (signing === undefined) notices.push('no --signing-key: answers carry no usage receipts for tier one');
  return notices;
}
