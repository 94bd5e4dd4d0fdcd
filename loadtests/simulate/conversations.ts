import type { Segment } from '../../kserve/simulator/engine/content.ts';
import type { Random } from '../../kserve/simulator/engine/random.ts';
import { MODEL, podsOf } from './pods.ts';
import { Prompt } from './prompt.ts';
import { lognormal, poisson, type Turn } from './traffic.ts';
import type { Workload } from './workload.ts';

interface Shape {
  readonly turns: number;
  /** What the session begins with. */
  readonly beginning: readonly Segment[];
  /** Tokens of each further message, and of each answer. */
  readonly message: (turn: number) => number;
  readonly answer: () => number;
  readonly thinkMs: () => number;
  readonly bytesPerToken: number;
}

/** Turns that each repeat all that was said before. @param id first of 1000 ids that are the session's own */
function conversation(id: number, shape: Shape): readonly Turn[] {
  const turns: Turn[] = [];
  let said = [...shape.beginning];
  for (let turn = 0; turn < shape.turns; turn++) {
    said = [...said, { id: id + 2 * turn, length: shape.message(turn) }];
    const answerId = id + 2 * turn + 1;
    const answer = shape.answer();
    turns.push({ prompt: new Prompt(said, answerId, answer, shape.bytesPerToken), ...(turn === 0 ? {} : { thinkMs: shape.thinkMs() }) });
    said = [...said, { id: answerId, length: answer }];
  }
  return turns;
}

const OWN = 1_000_000;

export const codeGeneration: Workload = {
  name: 'code-generation',
  summary: '60 coding agents at a time: 4000 tokens of tools (5 kinds), 10k to 20k of repository, 6 to 10 turns, answers about 250',
  model: MODEL,
  isInputBound: true,
  maxSessions: ({ podCount = 10 }) => 6 * podCount,
  pods: (size, seed) => podsOf(size.podCount ?? 10, seed),
  stages({ podCount = 10 }, random) {
    const count = 16 * podCount;
    const session = (number: number): readonly Turn[] =>
      conversation(OWN + number * 1000, {
        turns: 6 + random.integer(5),
        beginning: [
          { id: 1 + random.integer(5), length: 4000 },
          { id: OWN + number * 1000 + 900, length: 10_000 + random.integer(10_000) },
        ],
        message: () => lognormal(random, 500, 0.8, 30, 1500),
        answer: () => lognormal(random, 250, 0.7, 30, 900),
        // The agent runs a tool.
        thinkMs: () => random.exponential(1500),
        bytesPerToken: 3.4,
      });
    return [{ name: 'closed loop', sessions: poisson(random, 0.6 * podCount, count, session) }];
  },
};

export const multiTurn: Workload = {
  name: 'multi-turn',
  summary: 'chats of 3 to 8 turns: 1500 tokens of system prompt (20 apps), messages about 120, answers about 300, 8 s to read; Poisson',
  model: MODEL,
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed),
  stages({ podCount = 8 }, random) {
    const session = (number: number): readonly Turn[] =>
      conversation(OWN + number * 1000, {
        turns: 3 + random.integer(6),
        beginning: [{ id: 1 + random.integer(20), length: 1500 }],
        message: () => lognormal(random, 120, 1, 10, 2000),
        answer: () => lognormal(random, 300, 0.7, 20, 1500),
        thinkMs: () => random.exponential(8000),
        bytesPerToken: 4.3,
      });
    const rate = 1.1 * podCount;
    return [{ name: `${rate.toFixed(1)} sessions/s`, sessions: poisson(random, rate, rate * 60, session) }];
  },
};

export const reasoning: Workload = {
  name: 'reasoning',
  summary: '350 at a time (after a ramp of 10 s): 300 tokens of system prompt, questions about 400, answers about 2500 with a long tail',
  model: MODEL,
  maxConcurrency: ({ podCount = 10 }) => 35 * podCount,
  pods: (size, seed) => podsOf(size.podCount ?? 10, seed),
  stages({ podCount = 10 }, random) {
    const sessions = poisson(random, 3.5 * podCount, 120 * podCount, (number) => [
      {
        prompt: new Prompt(
          [
            { id: 1, length: 300 },
            { id: OWN + number, length: lognormal(random, 400, 0.6, 50, 3000) },
          ],
          2 * OWN + number,
          lognormal(random, 2500, 0.7, 200, 12_000),
          4.2,
        ),
        maxTokens: 16_384,
      },
    ]);
    return [{ name: 'closed loop', sessions }];
  },
};

export const noReuse: Workload = {
  name: 'no-reuse',
  summary:
    'single questions that share nothing (lengths as in ShareGPT: about 200 in, 200 out, long tails); Poisson, at half and at full load',
  model: MODEL,
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed),
  stages({ podCount = 8 }, random) {
    let id = OWN;
    return [6, 11].map((perPod) => {
      const rate = perPod * podCount;
      const sessions = poisson(random, rate, rate * 30, () => [question(random, id++)]);
      return { name: `${rate}/s`, sessions };
    });
  },
};

/** A question that nobody else asks. */
export function question(random: Random, id: number): Turn {
  const prompt = new Prompt(
    [{ id, length: lognormal(random, 200, 1.2, 4, 8000) }],
    id + 100 * OWN,
    lognormal(random, 200, 0.9, 4, 2000),
    4.2,
  );
  return { prompt };
}
