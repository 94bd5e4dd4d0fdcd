import type { Part } from './part.ts';
import { DEFAULTS, type Settings, type Tier } from './settings.ts';
import * as parts from './parts.ts';

/** How the report compares the rows of a scenario. */
export type Axis = 'tier' | 'rate' | 'part';

export interface Scenario {
  readonly name: string;
  readonly question: string;
  readonly axis: Axis;
  readonly defaults: Settings;
  /** What it cannot do without; the tiers of the settings apart. */
  readonly needs: readonly ('pods' | 'tenants' | 'sse')[];
  /** In the order of their start. Tiers without an address are left out before. */
  parts(settings: Settings): Part[];
  /** Thresholds of a row beyond those of every row, by the key in plan/metrics.ts. */
  thresholds?(row: { readonly part: string; readonly tier: Tier }): Readonly<Record<string, string>>;
}

const THROUGH_BOTH = { ...DEFAULTS, tiers: ['both'] as const };
/** Where nothing is to go wrong. */
const sound = () => ({ failed: 'rate==0', good: 'rate>=0.95' });

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'smoke',
    question: 'Does every way to a model answer, whole and as a stream?',
    axis: 'tier',
    defaults: { ...DEFAULTS, seconds: 5, rate: 4, rounds: 1 },
    needs: [],
    parts: (settings) => [...parts.turns('unary', settings, 0), ...parts.turns('stream', settings, parts.turnsSeconds(settings))],
    thresholds: sound,
  },
  {
    name: 'unary',
    question: 'What do the tiers add to a whole answer?',
    axis: 'tier',
    defaults: { ...DEFAULTS, seconds: 20 },
    needs: [],
    parts: (settings) => parts.turns('unary', settings, 0),
    thresholds: sound,
  },
  {
    name: 'streaming',
    question: 'What do the tiers add to the first token, and to the pace of a stream?',
    axis: 'tier',
    defaults: { ...DEFAULTS, seconds: 20 },
    needs: [],
    parts: (settings) => parts.turns('stream', settings, 0),
    thresholds: sound,
  },
  {
    name: 'ramp',
    question: 'At which rate are the objectives no longer met?',
    axis: 'rate',
    defaults: { ...THROUGH_BOTH, seconds: 10, rate: 240 },
    needs: [],
    parts: parts.ramp,
  },
  {
    name: 'spike',
    question: 'What does a burst of ten times the rate do, and how soon is it over?',
    axis: 'part',
    defaults: { ...THROUGH_BOTH, seconds: 15, rate: 4 },
    needs: [],
    parts: parts.spike,
    thresholds: ({ part }) => (part === 'spike' ? {} : { failed: 'rate<0.01' }),
  },
  {
    name: 'soak',
    question: 'Do memory and latency stay as they are under a steady load?',
    axis: 'part',
    defaults: { ...THROUGH_BOTH, seconds: 120, rate: 6 },
    needs: [],
    parts: parts.soak,
    thresholds: sound,
  },
  {
    name: 'disconnects',
    question: 'Is the work of clients that leave stopped, and do the others not notice?',
    axis: 'part',
    defaults: { ...THROUGH_BOTH, seconds: 20, rate: 8 },
    needs: ['sse', 'pods'],
    parts: parts.disconnects,
    thresholds: ({ part }) => (part === 'stays' ? sound() : { failed: 'rate==0' }),
  },
  {
    name: 'faults',
    question: 'What do clients see of a pod that fails?',
    axis: 'part',
    defaults: { ...THROUGH_BOTH, seconds: 10, rate: 8 },
    needs: ['pods'],
    parts: parts.faults,
    // What fails before the first token has another pod to go to; what breaks after it can only be told.
    thresholds: ({ part }) => (part === 'broken-streams' ? {} : { failed: 'rate<0.02' }),
  },
  {
    name: 'quota',
    question: 'Is a tenant beyond its quota refused, and the other one served?',
    axis: 'part',
    defaults: { ...THROUGH_BOTH, seconds: 20, rate: 10 },
    needs: ['tenants'],
    parts: parts.quota,
    thresholds: ({ part }): Record<string, string> => (part === 'busy' ? { refused: 'rate>0' } : { refused: 'rate==0', failed: 'rate==0' }),
  },
  {
    name: 'conversations',
    question: 'How much of the prompts of conversations is in the cache of the pod that gets them?',
    axis: 'tier',
    defaults: { ...DEFAULTS, tiers: ['pods', 'one', 'both'], seconds: 20, rate: 10, rounds: 1 },
    needs: [],
    parts: parts.conversations,
    thresholds: () => ({ failed: 'rate==0' }),
  },
];
