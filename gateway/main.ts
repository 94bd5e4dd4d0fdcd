import { describe, Tier, type TierOptions } from '#core/serve/tier';
import { Metrics } from '#core/telemetry/metrics';

import { TierOneStages } from './app.ts';
import type { Extension } from './extensions/extension.ts';
import { Hooks } from './extensions/hooks.ts';

/** What a process of tier one is started with. */
export interface TierOneOptions extends TierOptions {
  readonly extensions?: readonly Extension[];
}

/** A running tier one. */
export class TierOne extends Tier {
  constructor(options: TierOneOptions) {
    const hooks = new Hooks(options.extensions ?? [], (error) => options.log('error', 'extension', describe(error)));
    super(options, new Metrics(), { stages: new TierOneStages(hooks) });
  }
}
