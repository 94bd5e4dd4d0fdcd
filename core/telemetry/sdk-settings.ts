import { didYouMean } from '../resources/nearest.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Takes what is wrong with a setting: one line. */
export type Problem = (message: string) => void;

/** Settings of telemetry that cannot be meant: one line each. */
export class InvalidTelemetrySettings extends Error {
  override readonly name: string = 'InvalidTelemetrySettings';
}

export const PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

const MOST = 2 ** 31 - 1;

/** Reads settings of the environment; what cannot be meant is a problem, and its default is taken. An empty one is as good as absent. */
export class SettingsReader {
  readonly #env: Env;
  readonly #problem: Problem;

  constructor(env: Env, problem: Problem) {
    this.#env = env;
    this.#problem = problem;
  }

  text(name: string): string | undefined {
    const text = this.#env[name]?.trim();
    return text === '' ? undefined : text;
  }

  /** Entries of a list with commas; undefined: it is not set. */
  list(name: string): string[] | undefined {
    const text = this.text(name);
    const entries = text?.split(',').flatMap((entry) => (entry.trim() === '' ? [] : [entry.trim()]));
    return entries?.length === 0 ? undefined : entries;
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = values.find((known) => known === text);
    if (value === undefined) this.#problem(`${name} is one of ${values.join(', ')}, not "${text}"${didYouMean(text, values)}`);
    return value ?? fallback;
  }

  number(name: string, fallback: number, most = MOST, least = 0): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value <= most && value >= least) return value;
    this.#problem(`${name} is a number from ${least} to ${most}, not "${text}"`);
    return fallback;
  }

  get disabled(): boolean {
    return this.text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true';
  }
}
