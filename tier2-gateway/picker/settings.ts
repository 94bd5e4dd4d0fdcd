/** What the picker assumes until it has learned better, and how it weighs. All have defaults that suit a 32B model on two H100. */
export interface PickerSettings {
  /** Tokens that one endpoint prefills per second when it does nothing else; where learning starts. */
  readonly prefillTokensPerSecond: number;
  /** Time to first token of an empty prompt on an idle endpoint. */
  readonly baseTtftMs: number;
  /** Time per output token: alone, added by each further stream, and added by each 100 000 tokens of KV in use. */
  readonly tpotBaseMs: number;
  readonly tpotPerStreamMs: number;
  readonly tpotPer100kKvMs: number;
  /** Learned values stay within this factor of the above, either way. */
  readonly learningRange: number;
  /** Tokens of KV cache of an endpoint that does not report its blocks. */
  readonly kvTokens: number;
  /** Requests that an endpoint runs at a time (vLLM's max_num_seqs). */
  readonly maxRunning: number;
  /** Output tokens of a request that does not say. */
  readonly expectedOutput: number;
  /** Time to load an adapter, and slots for adapters where the endpoint does not report them. */
  readonly loraLoadMs: number;
  readonly maxLora: number;
  /** Scraped load counts in full until this age, then fades with the half-life towards what is normal in the pool. */
  readonly metricsFreshMs: number;
  readonly metricsHalfLifeMs: number;
  /** A new endpoint gets its full share only after this time. */
  readonly slowStartMs: number;
  /** Cost of a recent failure, and its half-life. */
  readonly failurePenaltyMs: number;
  readonly failureHalfLifeMs: number;
  /** What it is worth to keep a session where it was, and for how long that is remembered. */
  readonly sessionBonusMs: number;
  readonly sessionTtlMs: number;
  readonly maxSessions: number;
  /** Cost of each millisecond beyond a request's latency objective, on top of the millisecond. */
  readonly sloWeight: number;
  /** How much a millisecond before the first token counts, relative to one between tokens. */
  readonly ttftWeight: number;
  /** Costs that differ by less are equal: the less loaded of two at random is taken. */
  readonly tieMs: number;
  /** A ticket that shows no sign of life for so long is closed by `sweep`. */
  readonly ticketTtlMs: number;
  /** Decisions that `explain` can still tell. */
  readonly decisions: number;
  readonly indexBytes: number;
  readonly maxEndpoints: number;
}

export const DEFAULT_SETTINGS: PickerSettings = {
  prefillTokensPerSecond: 20_000,
  baseTtftMs: 20,
  tpotBaseMs: 12,
  tpotPerStreamMs: 0.1,
  tpotPer100kKvMs: 3,
  learningRange: 8,
  kvTokens: 300_000,
  maxRunning: 256,
  expectedOutput: 256,
  loraLoadMs: 300,
  maxLora: 4,
  metricsFreshMs: 1_000,
  metricsHalfLifeMs: 3_000,
  slowStartMs: 30_000,
  failurePenaltyMs: 5_000,
  failureHalfLifeMs: 10_000,
  sessionBonusMs: 1_000,
  sessionTtlMs: 600_000,
  maxSessions: 50_000,
  sloWeight: 3,
  ttftWeight: 10,
  tieMs: 1,
  ticketTtlMs: 600_000,
  decisions: 1_024,
  indexBytes: 64 * 1024 * 1024,
  maxEndpoints: 256,
};

/** @throws RangeError that names the setting */
export function pickerSettings(overrides: Partial<PickerSettings> = {}): PickerSettings {
  const settings = { ...DEFAULT_SETTINGS, ...overrides };
  for (const [name, value] of Object.entries(settings)) {
    if (!Number.isFinite(value) || value < 0) throw new RangeError(`picker setting ${name} must be a number of at least 0, not ${value}`);
  }
  const positive = ['prefillTokensPerSecond', 'tpotBaseMs', 'kvTokens', 'maxRunning', 'metricsHalfLifeMs', 'failureHalfLifeMs'] as const;
  for (const name of positive) if (settings[name] === 0) throw new RangeError(`picker setting ${name} must be more than 0`);
  if (settings.learningRange < 1) throw new RangeError(`picker setting learningRange must be at least 1, not ${settings.learningRange}`);
  return settings;
}
