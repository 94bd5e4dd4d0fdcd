import { didYouMean } from '#core/resources/nearest';

import type { Random } from './engine/random.ts';

/** What may go wrong with a pod, and its own settings. */
export const FAILURE_KINDS = {
  /** An error answer. */
  error: ['status', 'message'],
  /** 429. */
  rate_limit: ['retryAfterS'],
  /** The request is taken and never answered. */
  hang: [],
  /** The connection is cut in the middle of the answer. */
  reset: ['afterTokens'],
  /** Every step takes longer. */
  slow: ['factor'],
  /** Out of memory: everything under way is lost, the cache too, and the pod is away until it has restarted. */
  oom: ['restartMs'],
  /** `/health` says no; requests are still answered. */
  unready: [],
} as const;

export type FailureKind = keyof typeof FAILURE_KINDS;

/** One rule. Times are milliseconds from the moment when the rules are set. */
export interface Failure {
  readonly kind: FailureKind;
  /** Share of the requests, 0 to 1. @default 1; for `oom`: once, at the start of the window */
  readonly rate?: number;
  /** @default 0 */
  readonly fromMs?: number;
  /** @default no end */
  readonly untilMs?: number;
  /** Only requests to this path. @default all */
  readonly endpoint?: string;
  /** Of `error`: 500 to 599. @default 500 */
  readonly status?: number;
  readonly message?: string;
  /** @default no header */
  readonly retryAfterS?: number;
  /** Tokens that still arrive before a `reset`; 0: none. @default 3 */
  readonly afterTokens?: number;
  /** Of `slow`: how many times longer a step takes. @default 4 */
  readonly factor?: number;
  /** Of `oom`. @default 30000 */
  readonly restartMs?: number;
}

/** What becomes of one request. */
export type Verdict =
  | { readonly kind: 'serve'; readonly resetAfterTokens?: number }
  | { readonly kind: 'refuse'; readonly status: number; readonly message: string; readonly retryAfterS?: number }
  | { readonly kind: 'hang' }
  | { readonly kind: 'crash'; readonly restartMs: number };

const SERVE: Verdict = { kind: 'serve' };
const DEFAULT_RESTART_MS = 30_000;

/** The rules of one pod on its clock. */
export class FailurePlan {
  #rules: readonly Failure[] = [];
  #setAt = 0;
  #crashed = new Set<Failure>();

  get rules(): readonly Failure[] {
    return this.#rules;
  }

  /** Replaces all rules; their windows start to count now. */
  set(rules: readonly Failure[], now: number): void {
    this.#rules = rules;
    this.#setAt = now;
    this.#crashed = new Set();
  }

  /** Decides on one request. The first rule that strikes counts. */
  decide(endpoint: string, now: number, random: Random): Verdict {
    for (const rule of this.#rules) {
      if (!this.#open(rule, now) || (rule.endpoint !== undefined && rule.endpoint !== endpoint)) continue;
      if (rule.kind === 'slow' || rule.kind === 'unready' || (rule.kind === 'oom' && rule.rate === undefined)) continue;
      if (random.next() >= (rule.rate ?? 1)) continue;
      switch (rule.kind) {
        case 'error':
          return { kind: 'refuse', status: rule.status ?? 500, message: rule.message ?? 'Internal server error' };
        case 'rate_limit':
          return {
            kind: 'refuse',
            status: 429,
            message: 'Too many requests',
            ...(rule.retryAfterS === undefined ? {} : { retryAfterS: rule.retryAfterS }),
          };
        case 'hang':
          return { kind: 'hang' };
        case 'reset':
          return { kind: 'serve', resetAfterTokens: rule.afterTokens ?? 3 };
        case 'oom':
          return { kind: 'crash', restartMs: rule.restartMs ?? DEFAULT_RESTART_MS };
      }
    }
    return SERVE;
  }

  /** How many times longer a step takes now. */
  slowness(now: number): number {
    let factor = 1;
    for (const rule of this.#rules) if (rule.kind === 'slow' && this.#open(rule, now)) factor *= rule.factor ?? 4;
    return factor;
  }

  /** Whether the health check fails now. */
  unready(now: number): boolean {
    return this.#rules.some((rule) => rule.kind === 'unready' && this.#open(rule, now));
  }

  /** When the next crash without a rate comes. */
  nextCrashAt(): number {
    return Math.min(Infinity, ...this.#scheduled().map((rule) => this.#setAt + (rule.fromMs ?? 0)));
  }

  /** Takes the crashes that are due. @returns how long the pod is away, or undefined if there are none */
  crash(now: number): number | undefined {
    const due = this.#scheduled().filter((rule) => this.#setAt + (rule.fromMs ?? 0) <= now);
    for (const rule of due) this.#crashed.add(rule);
    return due.length === 0 ? undefined : Math.max(...due.map((rule) => rule.restartMs ?? DEFAULT_RESTART_MS));
  }

  #scheduled(): Failure[] {
    return this.#rules.filter((rule) => rule.kind === 'oom' && rule.rate === undefined && !this.#crashed.has(rule));
  }

  #open({ fromMs, untilMs }: Failure, now: number): boolean {
    const age = now - this.#setAt;
    return age >= (fromMs ?? 0) && age < (untilMs ?? Infinity);
  }
}

const SHARED = ['kind', 'rate', 'fromMs', 'untilMs', 'endpoint'];

/** @throws TypeError that says what is wrong, and where */
export function readFailures(value: unknown): readonly Failure[] {
  if (!Array.isArray(value)) throw new TypeError('failures must be a list');
  return value.map((item: unknown, index) => readFailure(item, `failures[${index}]`));
}

function readFailure(value: unknown, where: string): Failure {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${where} must be an object`);
  const rule = value as Record<string, unknown>;
  const kinds = Object.keys(FAILURE_KINDS);
  const { kind } = rule;
  if (typeof kind !== 'string' || !Object.hasOwn(FAILURE_KINDS, kind)) {
    const given = typeof kind === 'string' ? kind : '';
    throw new TypeError(`${where}.kind must be one of ${kinds.join(', ')}, not ${JSON.stringify(kind)}${didYouMean(given, kinds)}`);
  }
  const own: readonly string[] = FAILURE_KINDS[kind as FailureKind];
  const known = [...SHARED, ...own];
  for (const key of Object.keys(rule)) {
    if (!known.includes(key)) throw new TypeError(`${where}.${key} is not a setting of "${kind}"${didYouMean(key, known)}`);
  }
  if ((kind === 'slow' || kind === 'unready') && (rule['rate'] !== undefined || rule['endpoint'] !== undefined)) {
    throw new TypeError(`${where}: "${kind}" holds for the whole pod: it takes no rate and no endpoint`);
  }
  number(rule, 'rate', where, 0, 1);
  number(rule, 'fromMs', where, 0);
  number(rule, 'untilMs', where, 0);
  number(rule, 'status', where, 500, 599);
  number(rule, 'retryAfterS', where, 0);
  number(rule, 'afterTokens', where, 0);
  number(rule, 'factor', where, 0.01);
  number(rule, 'restartMs', where, 0);
  for (const key of ['endpoint', 'message']) {
    if (rule[key] !== undefined && typeof rule[key] !== 'string') throw new TypeError(`${where}.${key} must be text`);
  }
  return rule as unknown as Failure;
}

function number(rule: Readonly<Record<string, unknown>>, key: string, where: string, min: number, max = Infinity): void {
  const value = rule[key];
  if (value === undefined) return;
  if (typeof value === 'number' && value >= min && value <= max) return;
  const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`;
  throw new TypeError(`${where}.${key} must be a number, ${range}, not ${JSON.stringify(value)}`);
}
