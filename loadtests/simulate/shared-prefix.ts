import { CLIENT_CONCURRENCY, LADDER } from '../../kserve/simulator/calibrate.ts';
import type { Profile } from '../../kserve/simulator/engine/profile.ts';
import type { Random } from '../../kserve/simulator/engine/random.ts';
import { H100, MODEL, podsOf } from './pods.ts';
import { Prompt } from './prompt.ts';
import { poisson, type Stage, type Turn } from './traffic.ts';
import type { Workload } from './workload.ts';

/** Steps of the short ladder: light, at the limit of cache-blind routing, and at that of eight pods. */
const SHORT: readonly number[] = [10, 20, 40, 60];

/** The prompts of llm-d's "73-capacity" benchmark of 2025-09: see kserve/simulator/calibration.md. */
function sharedPrefixPrompts(random: Random, groups = 150): readonly Turn[] {
  const turns: Turn[] = [];
  for (let group = 0; group < groups; group++) {
    for (let question = 0; question < 5; question++) {
      const id = 1000 + turns.length;
      const segments = [
        { id: group + 1, length: 6000 },
        { id, length: 1200 },
      ];
      turns.push({ prompt: new Prompt(segments, id + 100_000, 1000, 4), maxTokens: 1000 });
    }
  }
  return random.shuffle(turns);
}

/** Steps of requests at a rate a second, for so many seconds. */
export function sharedPrefixStages(
  random: Random,
  steps: readonly { readonly rate: number; readonly durationS: number; readonly isWarmUp?: boolean }[],
  podCount: number,
): readonly Stage[] {
  const prompts = sharedPrefixPrompts(random, Math.ceil((150 * podCount) / 8));
  return steps.map(({ rate: rateOfEight, durationS, isWarmUp = false }) => {
    // The load that one pod gets stays the same, whatever their number, and the share of the cache that the prompts need.
    const rate = (rateOfEight * podCount) / 8;
    const count = Math.max(1, Math.floor(rate * durationS));
    return { name: `${rate}/s`, isWarmUp, sessions: poisson(random, rate, count, (number) => [prompts[number % prompts.length]!]) };
  });
}

/** As if each prompt were in each cache: it takes no time, and its blocks never push others out. */
const IDEAL: Profile = {
  ...H100,
  name: 'ideal',
  kvTokens: 20_000_000,
  maxNumBatchedTokens: 1_000_000,
  times: { ...H100.times, perPrefillTokenMs: 0, perPrefillPairMs: 0 },
};
const WARM_UP = { ...LADDER[0]!, isWarmUp: true };

export const sharedPrefix: Workload = {
  name: 'shared-prefix',
  summary: '150 groups × 5 prompts of 6000 + 1200 tokens, 1000 out, Poisson steps up to 60/s, at most 800 under way (the published ladder)',
  model: MODEL,
  maxConcurrency: ({ podCount = 8 }) => Math.ceil((CLIENT_CONCURRENCY * podCount) / 8),
  hasCeiling: true,
  pods: ({ podCount = 8, idealPods = false }, seed) => podsOf(podCount, seed, () => (idealPods ? { profile: IDEAL } : {})),
  stages({ podCount = 8, isFull = false }, random) {
    const counted = LADDER.slice(1).filter(({ rate }) => isFull || SHORT.includes(rate));
    return sharedPrefixStages(random, [WARM_UP, ...counted], podCount);
  },
};
