import { describe, Tier, type TierOptions } from '#core/serve/tier';
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
    super(options, new Metrics(), { stages: new TierOneStages(hooks, new TierTwoLink(keys)) });
  }
}
