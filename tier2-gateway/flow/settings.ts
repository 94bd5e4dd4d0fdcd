/** What may wait at one time. */
export interface QueueLimits {
  readonly requests: number;
  /** Of request bodies, which are held in memory. */
  readonly bytes: number;
}

export interface BandSettings {
  readonly limits: QueueLimits;
  /** How long a request waits at most that says nothing of it. */
  readonly ttlMs: number;
  /** Within one flow: first come first served, or the earliest end (deadline, or arrival and time to live) first. */
  readonly order: 'fcfs' | 'edf';
}

export interface FlowSettings {
  /** Over all bands. */
  readonly limits: QueueLimits;
  /** Of one flow in one band: one tenant must not fill the queue of all. */
  readonly flowLimits: QueueLimits;
  /** Of bands that {@link bands} does not name. */
  readonly band: BandSettings;
  /** By priority. */
  readonly bands: ReadonlyMap<number, Partial<BandSettings>>;
  /**
   * A band that waits while this many requests of other bands are let through is next. So, with B bands waiting, none waits for more
   * than this number + B − 1 requests of others. Infinity: strict priority, under which low bands may starve.
   */
  readonly maxPassed: number;
  /** Time for a request that finds no endpoint at all, such as a pool that is scaled to zero; 0: refused at once. Unless it says a time itself. */
  readonly emptyPoolTtlMs: number;
  /** Whether requests of a priority below 0 wait for room like the others, or are refused at once when there is none. */
  readonly sheddableWaits: boolean;
  /** Share of the tokens that a flow gets against another one of its band; what is no number above 0 counts as 1. */
  readonly weightOf: (flow: string) => number;
}

const MiB = 1024 * 1024;

export const DEFAULT_FLOW: FlowSettings = {
  limits: { requests: 20_000, bytes: 1024 * MiB },
  flowLimits: { requests: 2000, bytes: 256 * MiB },
  band: { limits: { requests: 5000, bytes: 512 * MiB }, ttlMs: 60_000, order: 'edf' },
  bands: new Map(),
  maxPassed: 16,
  emptyPoolTtlMs: 300_000,
  sheddableWaits: true,
  weightOf: () => 1,
};
