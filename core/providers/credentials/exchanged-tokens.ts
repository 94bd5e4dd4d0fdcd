import { reasonOf } from './fetch-failed.ts';
import { type Fetched, type RefreshCounts, within } from './refreshed.ts';
import { refusalOf } from './token-exchange.ts';

/** A token of somebody who calls, verified. */
export interface SubjectToken {
  readonly text: string;
  /** Of the whole token: the only thing by which it is remembered. */
  readonly digest: string;
  /** `exp`, in Unix milliseconds; undefined: it does not say. */
  readonly expiresAt: number | undefined;
}

/** Exchanges a token. The signal aborts when its time is over. */
export type Exchange = (subjectToken: string, signal: AbortSignal) => Promise<Fetched<string>>;

export interface ExchangedTokensOptions {
  /** Counted up here. */
  readonly counts?: RefreshCounts | undefined;
  /** Takes a line for the operator. */
  readonly tell?: ((message: string) => void) | undefined;
  /** Tokens that are kept; the one used the longest ago goes first. @default 4096 */
  readonly most?: number;
}

const MOST = 4096;
/** So long before its end a token is not used any more: a call takes its time. */
const BEFORE_END_MS = 60_000;
/** Of its life, where that is short. */
const BEFORE_END_SHARE = 0.2;
const REFUSED_MS = 5000;
const FAILED_MS = 1000;
/** Between two lines about the same refusal: anybody who may call can bring them about. */
const TOLD_MS = 60_000;

interface Entry {
  readonly answer: Promise<string>;
  /** Undefined while it is asked for, and of one that was not given. */
  value: string | undefined;
  /** Unix milliseconds; infinity while it is asked for. */
  until: number;
}

/**
 * Tokens that others were exchanged for, by the digest of those, until one of the two ends. Each is asked for once, whoever waits for it; a
 * failure is remembered for a moment.
 */
export class ExchangedTokens {
  /** Whose they are, for the operator: `TokenExchange namespace/name`. */
  readonly name: string;
  readonly #exchange: Exchange;
  readonly #counts: RefreshCounts;
  readonly #tell: (message: string) => void;
  readonly #most: number;
  readonly #entries = new Map<string, Entry>();
  readonly #attempts = new Set<AbortController>();
  readonly #told = new Map<string, number>();
  #failing = false;
  #closed = false;

  constructor(
    name: string,
    exchange: Exchange,
    { counts = { ok: 0, failed: 0 }, tell = () => undefined, most = MOST }: ExchangedTokensOptions = {},
  ) {
    this.name = name;
    this.#exchange = exchange;
    this.#counts = counts;
    this.#tell = tell;
    this.#most = most;
  }

  /**
   * The token that this one was exchanged for. Answers at once where it is known.
   * @param signal ends the wait only: others may wait for the same
   * @throws FetchFailed, of which {@link refusalOf} says whether it is a refusal; the reason of the signal
   */
  of(subject: SubjectToken, signal: AbortSignal): string | Promise<string> {
    const { digest } = subject;
    let entry = this.#entries.get(digest);
    if (entry === undefined || Date.now() >= entry.until) entry = this.#ask(subject);
    // The one used last is the last.
    this.#entries.delete(digest);
    if (!this.#closed) this.#entries.set(digest, entry);
    if (this.#entries.size > this.#most) this.#entries.delete(this.#entries.keys().next().value!);
    return entry.value ?? unlessAborted(entry.answer, signal);
  }

  /** A server did not take a token: it is asked for anew. One that has taken its place stays. */
  forget({ digest }: Pick<SubjectToken, 'digest'>, token: string): void {
    if (this.#entries.get(digest)?.value === token) this.#entries.delete(digest);
  }

  /** Forgets all. Who still has this one exchanges each token anew. */
  close(): void {
    this.#closed = true;
    this.#entries.clear();
    for (const attempt of this.#attempts) attempt.abort();
  }

  #ask(subject: SubjectToken): Entry {
    const attempt = new AbortController();
    this.#attempts.add(attempt);
    const fetching = within((signal) => this.#exchange(subject.text, signal), attempt).finally(() => this.#attempts.delete(attempt));
    const entry: Entry = { answer: fetching.then(({ value }) => value), value: undefined, until: Number.POSITIVE_INFINITY };
    fetching.then(
      ({ value, expiresAt }) => {
        entry.value = value;
        entry.until = endOf(subject, expiresAt);
        this.#succeeded();
      },
      (error: unknown) => {
        entry.until = Date.now() + (refusalOf(error) === undefined ? FAILED_MS : REFUSED_MS);
        if (!this.#closed) this.#failed(error);
      },
    );
    // Whoever asked may have left.
    entry.answer.catch(() => undefined);
    return entry;
  }

  #succeeded(): void {
    this.#counts.ok++;
    if (this.#failing) this.#tell(`${this.name}: tokens can be had again`);
    this.#failing = false;
  }

  #failed(error: unknown): void {
    this.#counts.failed++;
    const code = refusalOf(error);
    if (code === undefined) {
      if (!this.#failing) this.#tell(`${this.name}: no token can be had: ${reasonOf(error)}`);
      this.#failing = true;
      return;
    }
    const now = Date.now();
    if (now - (this.#told.get(code) ?? Number.NEGATIVE_INFINITY) < TOLD_MS) return;
    this.#told.set(code, now);
    this.#tell(`${this.name}: a caller’s token was not exchanged: ${reasonOf(error)}`);
  }
}

/** Until when a token is used, in Unix milliseconds. */
function endOf({ expiresAt: subjectEnds = Number.POSITIVE_INFINITY }: SubjectToken, expiresAt: number | undefined): number {
  if (expiresAt === undefined) return subjectEnds;
  return Math.min(subjectEnds, expiresAt - Math.min(BEFORE_END_MS, (expiresAt - Date.now()) * BEFORE_END_SHARE));
}

function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
