import type { SimulatedPod } from '../../kserve/simulator/pod.ts';
import { Picker } from '../../tier2-gateway/picker/picker.ts';
import { referenceDefault, stickyUntilSaturated } from '../../tier2-gateway/picker/policies/reference.ts';
import { LeastRequestPolicy, RandomPolicy, RoundRobinPolicy, TwoChoicesPolicy } from '../../tier2-gateway/picker/policies/simple.ts';
import type { Policy, Surroundings } from '../../tier2-gateway/picker/policy.ts';
import { DEFAULT_SCRAPE } from '../../tier2-gateway/pools/scrape.ts';
import type { Scraping } from './gateway.ts';
import { Oracle } from './oracle.ts';

export interface PolicyContext {
  /** For the oracle only. */
  readonly pods: readonly SimulatedPod[];
  /** Whether all decisions are kept, to be explained. */
  readonly keepsDecisions: boolean;
}

export interface PolicySpec {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly scraping: Scraping;
  /** Not a way to pick, but the pods that it is shown on: see `WorkloadSize.idealPods`. */
  readonly idealPods?: boolean;
  create(around: Surroundings, context: PolicyContext): Policy;
}

const NONE: Scraping = { kind: 'none' };
/** The reference's interval. */
const EVERY_50_MS: Scraping = { kind: 'every', ms: 50 };
const ADAPTIVE: Scraping = { kind: 'adaptive', busyMs: DEFAULT_SCRAPE.busyMs, idleMs: DEFAULT_SCRAPE.idleMs };

export const POLICIES: readonly PolicySpec[] = [
  { name: 'random', summary: 'any pod: a Kubernetes Service', scraping: NONE, create: (around) => new RandomPolicy(around) },
  { name: 'round-robin', summary: 'each pod in turn', scraping: NONE, create: (around) => new RoundRobinPolicy(around) },
  {
    name: 'least-request',
    summary: 'the pod with the fewest own requests in flight',
    scraping: NONE,
    create: (around) => new LeastRequestPolicy(around),
  },
  { name: 'power-of-two', summary: 'the less loaded of two at random', scraping: NONE, create: (around) => new TwoChoicesPolicy(around) },
  {
    name: 'reference',
    summary: "the reference picker's default (queue 2, KV 2, prefix 3), metrics every 50 ms",
    scraping: EVERY_50_MS,
    create: (around) => referenceDefault(around),
  },
  {
    name: 'sticky',
    summary: 'the reference\'s "sticky until saturated" (prefix 0.80, 18 s, token load)',
    scraping: EVERY_50_MS,
    create: (around) => stickyUntilSaturated(around),
  },
  {
    name: 'tierkit',
    summary: 'ours',
    scraping: ADAPTIVE,
    create: (around, { keepsDecisions }) => new Picker({ ...around, ...(keepsDecisions ? { settings: { decisions: 100_000 } } : {}) }),
  },
  {
    name: 'oracle',
    summary: 'knows caches, queues, answer lengths and speeds; no gateway can',
    scraping: NONE,
    create: (around, { pods }) => new Oracle(around, pods),
  },
  {
    name: 'ceiling',
    summary: 'no picker: equal load on pods that have every prompt cached, so what these pods can do at all (shared-prefix only)',
    scraping: NONE,
    idealPods: true,
    create: (around) => new LeastRequestPolicy(around),
  },
];
