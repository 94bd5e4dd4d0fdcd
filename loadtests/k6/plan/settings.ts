/** What the requests pass through: nothing, one of the tiers, or both in a row. */
export const TIERS = ['pods', 'two', 'one', 'both'] as const;
export type Tier = (typeof TIERS)[number];

/** What a scenario can be told. */
export interface Settings {
  /** Of each part of the scenario. */
  readonly seconds: number;
  /** Requests that arrive in a second, whatever becomes of the ones before. */
  readonly rate: number;
  /** Most virtual users: so many requests can be under way at one time. */
  readonly vus: number;
  /** How many times the tiers take turns. */
  readonly rounds: number;
  readonly tiers: readonly Tier[];
  readonly model: string;
  /** Of each answer. */
  readonly maxTokens: number;
  /** Objectives: time to first token, and time for each token after it. */
  readonly ttftMs: number;
  readonly tpotMs: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable of each setting. The runner sets them from its options; whoever calls k6 directly can set them as well. */
export const VARIABLES: Readonly<Record<keyof Settings, string>> = {
  seconds: 'LOAD_SECONDS',
  rate: 'LOAD_RATE',
  vus: 'LOAD_VUS',
  rounds: 'LOAD_ROUNDS',
  tiers: 'LOAD_TIERS',
  model: 'LOAD_MODEL',
  maxTokens: 'LOAD_MAX_TOKENS',
  ttftMs: 'LOAD_TTFT_MS',
  tpotMs: 'LOAD_TPOT_MS',
};

export const DEFAULTS: Settings = {
  seconds: 30,
  rate: 10,
  vus: 300,
  rounds: 2,
  tiers: TIERS,
  model: 'demo-small',
  maxTokens: 64,
  ttftMs: 500,
  tpotMs: 50,
};

/** @throws TypeError that names the variable */
export function settingsOf(env: Environment, defaults: Settings): Settings {
  const number = (key: keyof Settings, fallback: number): number => {
    const text = env[VARIABLES[key]];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (value > 0 && Number.isFinite(value)) return value;
    throw new TypeError(`${VARIABLES[key]} must be a number above 0, not "${text}"`);
  };
  return {
    seconds: number('seconds', defaults.seconds),
    rate: number('rate', defaults.rate),
    vus: number('vus', defaults.vus),
    rounds: number('rounds', defaults.rounds),
    tiers: tiersOf(env[VARIABLES.tiers], VARIABLES.tiers) ?? defaults.tiers,
    model: env[VARIABLES.model] ?? defaults.model,
    maxTokens: number('maxTokens', defaults.maxTokens),
    ttftMs: number('ttftMs', defaults.ttftMs),
    tpotMs: number('tpotMs', defaults.tpotMs),
  };
}

/** Reads a list such as `pods,both`. @param name what the error is about @throws TypeError */
export function tiersOf(text: string | undefined, name: string): readonly Tier[] | undefined {
  if (text === undefined || text === '') return undefined;
  const wanted = text.split(',').map((each) => each.trim());
  const unknown = wanted.find((each) => !TIERS.some((tier) => tier === each));
  if (unknown !== undefined) throw new TypeError(`${name} is a list of ${TIERS.join(', ')}; it has "${unknown}"`);
  return TIERS.filter((tier) => wanted.includes(tier));
}
