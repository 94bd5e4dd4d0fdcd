/** A picker that fails and recovers all the time is told of this often at most. */
const QUIET_MS = 10_000;
/** Notes of one sort are told this often at most. */
const NOTE_MS = 60_000;
/** So many questions in a row without a reply, and the picker counts as hanging. */
const HANGS_AFTER = 3;
/** A hanging picker is asked this often, to see whether it is back. */
const PROBE_MS = 1000;

/** Whether a picker is worth waiting for. One that hangs is asked now and then, to see whether it is back: nobody else waits for its time limit. */
export class Patience {
  readonly #now: () => number;
  #silences = 0;
  #probeAt = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get left(): boolean {
    if (this.#silences < HANGS_AFTER) return true;
    const now = this.#now();
    if (now < this.#probeAt) return false;
    this.#probeAt = now + PROBE_MS;
    return true;
  }

  silent(): void {
    this.#silences++;
    if (this.#silences === HANGS_AFTER) this.#probeAt = this.#now() + PROBE_MS;
  }

  answered(): void {
    this.#silences = 0;
  }
}

/** So many questions in a row without a reply, and the connection is not believed to lead anywhere. */
const DEAD_AFTER = 3;
/** A connection that is new has this long before it is given up as well. */
const NEW_MS = 5000;

/**
 * Whether the connection to a picker is worth keeping. A node that is lost closes nothing: what is sent to it is neither answered nor refused
 * for a quarter of an hour, while the Service leads to another picker already.
 */
export class ConnectionDoubt {
  readonly #now: () => number;
  #silences = 0;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A question was not answered in time. @returns whether to connect anew */
  silent(): boolean {
    this.#silences++;
    const now = this.#now();
    if (this.#silences < DEAD_AFTER || now < this.#renewedAt + NEW_MS) return false;
    this.#silences = 0;
    this.#renewedAt = now;
    return true;
  }

  answered(): void {
    this.#silences = 0;
  }
}

/** Tells the operator how a picker is: an outage once, with its end; everything else once in a while. */
export class PickerOutage {
  readonly #warn: (message: string) => void;
  readonly #now: () => number;
  readonly #patience: Patience;
  readonly #notes = new Map<string, { until: number; unsaid: number }>();
  #down: { readonly since: number; picks: number; told: boolean } | undefined;
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(warn: (message: string) => void, now: () => number) {
    this.#warn = warn;
    this.#now = now;
    this.#patience = new Patience(now);
  }

  /** False while the picker hangs, but for a request now and then: nobody else needs to wait for its time limit. */
  get worthAsking(): boolean {
    return this.#patience.left;
  }

  /** A pick had to do without the picker. @param silent it was not reachable, or did not answer in time */
  failed(message: string, silent: boolean): void {
    const now = this.#now();
    if (silent) this.#patience.silent();
    else this.#patience.answered();
    this.#down ??= { since: now, picks: 0, told: false };
    this.#down.picks++;
    if (this.#down.told || now < this.#quietUntil) return;
    this.#down.told = true;
    this.#quietUntil = now + QUIET_MS;
    this.#warn(message);
  }

  /** A pick was not even asked for. */
  skipped(): void {
    if (this.#down !== undefined) this.#down.picks++;
  }

  /** The picker has decided on a request. */
  answered(): void {
    this.#patience.answered();
    const down = this.#down;
    if (down === undefined) return;
    this.#down = undefined;
    if (!down.told) return;
    const seconds = ((this.#now() - down.since) / 1000).toFixed(1);
    this.#warn(`the endpoint picker answers again, after ${seconds} s and ${down.picks} picks without it`);
  }

  /** @param sort what `message` is an instance of */
  note(sort: string, message: string): void {
    const now = this.#now();
    const last = this.#notes.get(sort);
    if (last !== undefined && now < last.until) {
      last.unsaid++;
      return;
    }
    this.#notes.set(sort, { until: now + NOTE_MS, unsaid: 0 });
    this.#warn(last === undefined || last.unsaid === 0 ? message : `${message} (and ${last.unsaid} times since this was last told)`);
  }
}
