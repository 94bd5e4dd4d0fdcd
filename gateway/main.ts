import { describe, Tier, type TierOptions } from '#core/serve/tier';
import type { Snapshot } from '#core/serve/snapshot';
import { Metrics } from '#core/telemetry/metrics';

import { TierKeys } from '#core/tiers/keys';

import { TierOneStages } from './app.ts';
import type { Extension } from './extensions/extension.ts';
import { Hooks } from './extensions/hooks.ts';
import { TierTwoLink } from './tier-two.ts';

/** What a process of tier one is started with. */
export interface TierOneOptions extends TierOptions {
  readonly extensions?: readonly Extension[];
  /** Keys shared with tier two. @default none */
  readonly keys?: TierKeys;
}

/** A running tier one. */
export class TierOne extends Tier {
  constructor(options: TierOneOptions) {
    const hooks = new Hooks(options.extensions ?? [], (error) => options.log('error', 'extension', describe(error)));
    const keys = options.keys ?? new TierKeys({ signingKey: undefined, peerKeys: undefined }, () => undefined);
    super(options, new Metrics(), {
      stages: new TierOneStages(hooks, new TierTwoLink(keys)),
      notices: (snapshot) => noticesOf(keys, tierTwosOf(snapshot)),
    });
  }
}

/** Backends that are a tier two. */
function tierTwosOf({ ports }: Snapshot): string[] {
  const rules = ports.flatMap(({ listeners }) => listeners.flatMap(({ hosts }) => hosts.entries().flatMap(([, index]) => index.rules())));
  const targets = rules.flatMap((rule) => (rule.ai ? rule.plan.targets.filter(({ tierTwo }) => tierTwo !== undefined) : []));
  return [...new Set(targets.map(({ backend }) => backend.name))];
}

function noticesOf({ signing, peers }: TierKeys, tierTwos: readonly string[]): string[] {
  if (tierTwos.length === 0) return [];
  const names = tierTwos.join(', ');
  return [
    ...(signing === undefined
      ? [
          `no --signing-key: ${names} hears nothing of tenant, deadline and priority; let it know tier one by an API key (BackendSecurityPolicy)`,
        ]
      : []),
    ...(peers === undefined ? [`no --peer-keys: usage receipts of ${names} are not verified`] : []),
  ];
}
