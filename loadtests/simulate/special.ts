import { question } from './conversations.ts';
import { MODEL, podsOf } from './pods.ts';
import { Prompt } from './prompt.ts';
import { lognormal, poisson, type Session } from './traffic.ts';
import type { Workload } from './workload.ts';

const OWN = 1_000_000;

const ADAPTERS: readonly string[] = Array.from({ length: 15 }, (_, index) => `adapter-${index}`);

export const multiLora: Workload = {
  name: 'multi-lora',
  summary: '15 adapters, of which 5 get 60 %, 5 get 30 % and 5 get 10 %; 3 slots a pod; about 500 in, 150 out; Poisson',
  model: MODEL,
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed, () => ({ loras: ADAPTERS, maxLoras: 3 })),
  stages({ podCount = 8 }, random) {
    let id = OWN;
    return [4, 8].map((perPod) => {
      const rate = perPod * podCount;
      const sessions = poisson(random, rate, rate * 30, () => {
        const share = random.next();
        const tier = share < 0.6 ? 0 : share < 0.9 ? 1 : 2;
        const number = id++;
        const prompt = new Prompt(
          [{ id: number, length: lognormal(random, 500, 0.5, 50, 3000) }],
          number + 100 * OWN,
          lognormal(random, 150, 0.6, 10, 800),
          4.2,
        );
        return [{ prompt, lora: ADAPTERS[tier * 5 + random.integer(5)]! }];
      });
      return { name: `${rate}/s`, sessions };
    });
  },
};

const BURSTS = 6;
const BURST = 80;
const BURST_EVERY_MS = 12_000;

export const burst: Workload = {
  name: 'burst',
  summary: 'every 12 s, 80 requests with the same 6000 tokens and own 50 come at one moment, 100 out; single questions in between, 16/s',
  model: MODEL,
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed),
  stages({ podCount = 8 }, random) {
    let id = OWN;
    const rate = 2 * podCount;
    const quiet = poisson(random, rate, (rate * BURSTS * BURST_EVERY_MS) / 1000, () => [question(random, id++)]);
    const loud: Session[] = [];
    for (let number = 0; number < BURSTS; number++) {
      for (let each = 0; each < (BURST * podCount) / 8; each++) {
        const own = id++;
        const prompt = new Prompt(
          [
            { id: number + 1, length: 6000 },
            { id: own, length: 50 },
          ],
          own + 100 * OWN,
          100,
          4,
        );
        loud.push({ at: 1000 + number * BURST_EVERY_MS, turns: [{ prompt }] });
      }
    }
    return [{ name: 'bursts', sessions: [...quiet, ...loud] }];
  },
};
