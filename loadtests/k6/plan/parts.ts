import type { Part } from './part.ts';
import type { Settings } from './settings.ts';

/** Between two parts, so that what is under way ends before the next one is measured. Seconds. */
const PAUSE_S = 2;

/**
 * The same load through one tier after the other. With several rounds the order is turned around each time, so that what changes in the
 * meantime on the machine meets all of them.
 */
export function turns(behaviour: 'stream' | 'unary', settings: Settings, fromS: number): Part[] {
  const { tiers, rounds, seconds, rate } = settings;
  const each = seconds / rounds;
  return Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? tiers : tiers.toReversed()))
    .flat()
    .map((tier, index) => ({
      scenario: `${behaviour}_${tier}_${Math.floor(index / tiers.length) + 1}`,
      part: behaviour,
      tier,
      behaviour,
      startS: fromS + index * (each + PAUSE_S),
      seconds: each,
      rate,
    }));
}

export function turnsSeconds({ tiers, rounds, seconds }: Settings): number {
  return tiers.length * (seconds + rounds * PAUSE_S);
}

/** Of the highest rate. */
const STEPS = [1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1];

export function ramp({ tiers, rate, seconds }: Settings): Part[] {
  return tiers.flatMap((tier, turn) =>
    STEPS.map((share, step) => ({
      scenario: `ramp_${tier}_${step + 1}`,
      part: `step-${step + 1}`,
      tier,
      behaviour: 'stream' as const,
      startS: (turn * STEPS.length + step) * (seconds + PAUSE_S),
      seconds,
      rate: Math.max(1, Math.round(rate * share)),
    })),
  );
}

const BURST = 10;

export function spike({ tiers, rate, seconds }: Settings): Part[] {
  const phases = [
    { part: 'before', factor: 1, share: 1 },
    { part: 'spike', factor: BURST, share: 1 / 3 },
    // At once, without a pause: this is where a queue would show.
    { part: 'just-after', factor: 1, share: 1 / 3 },
    { part: 'later', factor: 1, share: 1 },
  ];
  const out: Part[] = [];
  let startS = 0;
  for (const tier of tiers) {
    for (const { part, factor, share } of phases) {
      const length = Math.max(1, Math.round(seconds * share));
      out.push({ scenario: `${part}_${tier}`, part, tier, behaviour: 'stream', startS, seconds: length, rate: rate * factor });
      startS += length;
    }
    startS += PAUSE_S;
  }
  return out;
}

/** Streams and whole answers at one time, in three thirds that can be compared. */
export function soak({ tiers, rate, seconds }: Settings): Part[] {
  const third = seconds / 3;
  return tiers.flatMap((tier) =>
    ['first', 'second', 'last'].flatMap((name, index) =>
      (['stream', 'unary'] as const).map((behaviour) => ({
        scenario: `${name}_${behaviour}_${tier}`,
        part: `${behaviour}-${name}`,
        tier,
        behaviour,
        startS: index * third,
        seconds: third,
        rate: rate / 2,
      })),
    ),
  );
}

/** Long enough that a pod would be busy with it for many seconds if it were not told to stop. */
const LONG_ANSWER = 8000;

export function disconnects({ tiers, rate, seconds }: Settings): Part[] {
  return tiers.flatMap((tier, turn) => {
    const shared = { tier, startS: turn * (seconds + PAUSE_S), seconds, rate: rate / 2 };
    return [
      { ...shared, scenario: `leaves_${tier}`, part: 'leaves', behaviour: 'leave' as const, maxTokens: LONG_ANSWER },
      { ...shared, scenario: `stays_${tier}`, part: 'stays', behaviour: 'stream' as const },
    ];
  });
}

/** What goes wrong in turn: with the first pod, or with all, where another pod would hide it. The rules are the simulator's own. */
const FAULTS: readonly { readonly part: string; readonly failures: NonNullable<Part['failures']>; readonly everyPod?: true }[] = [
  { part: 'healthy', failures: [] },
  { part: 'errors', failures: [{ kind: 'error', rate: 0.5, status: 500 }] },
  { part: 'refusals', failures: [{ kind: 'rate_limit', rate: 0.5, retryAfterS: 1 }] },
  { part: 'resets', failures: [{ kind: 'reset', rate: 0.5, afterTokens: 0 }] },
  { part: 'broken-streams', failures: [{ kind: 'reset', rate: 0.3, afterTokens: 8 }], everyPod: true },
  { part: 'slow-pod', failures: [{ kind: 'slow', factor: 6 }] },
  { part: 'slow-pods', failures: [{ kind: 'slow', factor: 6 }], everyPod: true },
  { part: 'out-of-memory', failures: [{ kind: 'oom', restartMs: 4000 }] },
  { part: 'healed', failures: [] },
];
/** From the order to fail to the first request, in seconds. */
const INJECTION_S = 1;

export function faults({ tiers, rate, seconds }: Settings): Part[] {
  return tiers.flatMap((tier, turn) =>
    FAULTS.flatMap(({ part, failures, everyPod = false }, index) => {
      const startS = (turn * FAULTS.length + index) * (seconds + INJECTION_S + PAUSE_S);
      // A pod without memory goes down under the load, not before it.
      const early = part === 'out-of-memory' ? -INJECTION_S : INJECTION_S;
      return [
        { scenario: `inject_${part}_${tier}`, part, tier, behaviour: 'inject' as const, startS, seconds: 1, rate: 1, failures, everyPod },
        { scenario: `${part}_${tier}`, part, tier, behaviour: 'stream' as const, startS: Math.max(0, startS + early), seconds, rate },
      ];
    }),
  );
}

export function quota({ rate, seconds }: Settings): Part[] {
  const shared = { tier: 'both' as const, behaviour: 'tenant' as const, startS: 0, seconds };
  return [
    { ...shared, scenario: 'busy', part: 'busy', tenant: 'busy', rate },
    { ...shared, scenario: 'calm', part: 'calm', tenant: 'calm', rate: Math.max(0.5, rate / 10) },
  ];
}

const TURNS = 5;

export function conversations({ tiers, rate, seconds }: Settings): Part[] {
  return tiers.map((tier, index) => ({
    scenario: `conversations_${tier}`,
    part: 'turns',
    tier,
    behaviour: 'converse',
    // The turns of a conversation go on when the last one has begun.
    startS: index * (seconds + 4 * PAUSE_S),
    seconds,
    rate: rate / TURNS,
    turns: TURNS,
  }));
}
