import type { GatewayError } from '#core/errors';

import { Band, type Flow, type Waiting } from './band.ts';
import { type Answered, dropped, type DropReason } from './drop.ts';
import { Heap } from './heap.ts';
import { Pace } from './pace.ts';
import { DEFAULT_FLOW, type FlowSettings, type QueueLimits } from './settings.ts';

/** A request that asks to be let through to the picker. */
export interface FlowRequest {
  readonly id: string;
  /** Fairness id: the tenant. Flows of one priority share by tokens. */
  readonly flow: string;
  /** Higher goes first; below 0 may be shed. */
  readonly priority: number;
  /** Estimate of what it will cost: tokens of the prompt and of the answer. */
  readonly tokens: number;
  /** Of its body, held in memory while it waits. */
  readonly bytes: number;
  /** Moment, on the clock of `now`, after which nobody wants the answer. */
  readonly deadlineMs?: number;
  /** How long it may wait, instead of its band's time. */
  readonly ttlMs?: number;
  /** Aborts when the client leaves. */
  readonly signal?: AbortSignal;
}

/** The leave to run. Whoever got it must release it, whatever happens: `using`, or a `finally`. */
export interface Admission extends Disposable {
  readonly waitedMs: number;
  /** The request has ended. Only the first call counts. @param usedTokens what it really cost, where that is known */
  release(usedTokens?: number): void;
}

export interface FlowOutcome {
  readonly id: string;
  readonly flow: string;
  readonly priority: number;
  readonly waitedMs: number;
  readonly result: 'admitted' | DropReason;
}

export interface FlowOptions {
  readonly settings?: Partial<FlowSettings>;
  /** Milliseconds; must not go back. */
  readonly now?: () => number;
  /** Calls back once; returns what takes the call back. */
  readonly setTimer?: (callback: () => void, ms: number) => () => void;
  /** Calls back when what is under way now has had its turn: by then, a request that was let through is in the picker's accounts. */
  readonly nextTurn?: (callback: () => void) => void;
  /** 0: idle, 1 and above: full, as the picker sees its endpoints. NaN counts as full. */
  readonly saturation: () => number;
  /** Requests that may run at one time, whatever the saturation. */
  readonly capacity?: () => number;
  /** Endpoints that take requests: 0 makes the queue the waiting room of a pool that has to start first. */
  readonly endpoints: () => number;
  readonly onOutcome?: (outcome: FlowOutcome) => void;
}

export interface FlowStats {
  readonly running: number;
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Requests that wait for a first endpoint: what an autoscaler has to see to start one. */
  readonly waitingForEndpoints: number;
  /** Bands that have requests, the highest priority first. `flows` are those remembered. */
  readonly bands: readonly {
    readonly priority: number;
    readonly running: number;
    readonly waiting: number;
    readonly bytes: number;
    readonly flows: number;
  }[];
}

interface Queued extends Waiting {
  readonly request: FlowRequest;
  readonly resolve: (admission: Admission) => void;
  readonly reject: (reason: unknown) => void;
  readonly onAbort: () => void;
}

/**
 * Decides which request goes to the picker next, and which waits. Bands of higher priority go first, but no band waits for ever
 * ({@link FlowSettings.maxPassed}); the flows of a band share it by tokens ({@link Band}); within a flow the earliest end goes first, or the
 * first come. Requests are let through when something ends, comes or changes, never on a tick.
 *
 * `saturation` lags: a request that was let through counts in it only when the picker has placed it. So no more requests are let through in
 * one turn of the event loop than half of the room that there seems to be, and at least one. With nothing running, one request goes
 * through whatever the saturation says: where numbers are stale or wrong, its end brings new ones.
 */
export class FlowControl {
  readonly #settings: FlowSettings;
  readonly #options: FlowOptions;
  readonly #now: () => number;
  readonly #setTimer: (callback: () => void, ms: number) => () => void;
  readonly #nextTurn: (callback: () => void) => void;
  /** Highest priority first. */
  #bands: Band[] = [];
  readonly #expiring = new Heap<'expiry', Queued>('expiry', (a, b) => a.expiresAt < b.expiresAt);
  readonly #pace = new Pace();
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #sequence = 0;
  #running = 0;
  #waiting = 0;
  #bytes = 0;
  #turnGrants = 0;
  #turnRunning = 0;
  #turnAwaited = false;
  #dispatching = false;
  #draining = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#settings = { ...DEFAULT_FLOW, ...options.settings };
    this.#now = options.now ?? (() => performance.now());
    this.#setTimer = options.setTimer ?? startTimer;
    this.#nextTurn = options.nextTurn ?? ((callback) => void setImmediate(callback));
  }

  /**
   * Waits for the request's turn.
   * @throws GatewayError TK_RATE_LIMITED (full, or its time is over), TK_NO_BACKEND (no endpoint came up), TK_DRAINING; all with the headers
   * `retry-after` and `x-llm-d-request-dropped-reason`
   * @throws the signal's reason when the client leaves
   */
  enter(request: FlowRequest): Promise<Admission> {
    const now = this.#now();
    const { signal, deadlineMs = Number.POSITIVE_INFINITY } = request;
    if (signal?.aborted === true) {
      this.#tell(request, 'rejected-context-cancelled', 0);
      return Promise.reject(signal.reason as Error);
    }
    if (this.#draining) return this.#refuse(request, 'rejected-shutting-down');
    if (deadlineMs <= now) return this.#refuse(request, 'rejected-ttl-expired');
    if (this.#waiting === 0 && this.#room()) {
      const band = this.#band(request.priority);
      const admission = this.#admit(request, band, band.flow(request.flow), 0);
      this.#tell(request, 'admitted', 0);
      return Promise.resolve(admission);
    }
    const reason = this.#obstacle(request);
    return reason === undefined ? this.#wait(request, now) : this.#refuse(request, reason);
  }

  /** There may be more room: an endpoint came up, a scrape shows less load. The end of a request is known here already. */
  onCapacity(): void {
    this.#dispatch();
  }

  /** Refuses what waits and what comes; what runs goes on. */
  drain(): void {
    this.#draining = true;
    for (let queued = this.#expiring.peek(); queued !== undefined; queued = this.#expiring.peek()) {
      this.#reject(queued, 'rejected-shutting-down');
    }
  }

  get waiting(): number {
    return this.#waiting;
  }

  get running(): number {
    return this.#running;
  }

  stats(): FlowStats {
    return {
      running: this.#running,
      waiting: this.#waiting,
      waitingBytes: this.#bytes,
      waitingForEndpoints: this.#options.endpoints() === 0 ? this.#waiting : 0,
      bands: this.#bands.map(({ priority, running, waiting, bytes, flows }) => ({ priority, running, waiting, bytes, flows })),
    };
  }

  #wait(request: FlowRequest, now: number): Promise<Admission> {
    const { signal, deadlineMs = Number.POSITIVE_INFINITY, priority } = request;
    const band = this.#band(priority);
    return new Promise((resolve, reject) => {
      const queued: Queued = {
        sequence: this.#sequence++,
        request,
        band,
        flow: band.flow(request.flow),
        tokens: tokensOf(request),
        bytes: request.bytes,
        enteredAt: now,
        expiresAt: Math.min(deadlineMs, now + this.#ttlMs(request, band)),
        turn: -1,
        expiry: -1,
        resolve,
        reject,
        onAbort: () => this.#cancelled(queued),
      };
      if (this.#waiting === 0) this.#pace.begins(now);
      this.#waiting++;
      this.#bytes += queued.bytes;
      band.add(queued);
      this.#expiring.push(queued);
      signal?.addEventListener('abort', queued.onAbort, { once: true });
      this.#armTimer(now);
      this.#dispatch();
    });
  }

  #band(priority: number): Band {
    const at = this.#bands.findIndex((band) => band.priority <= priority);
    const found = this.#bands[at];
    if (found?.priority === priority) return found;
    const settings = { ...this.#settings.band, ...this.#settings.bands.get(priority) };
    const band = new Band(priority, settings, this.#settings.weightOf);
    this.#bands.splice(at === -1 ? this.#bands.length : at, 0, band);
    return band;
  }

  /** A band that has nothing is forgotten, with what its flows had: they start level anyway. */
  #drop(band: Band): void {
    if (band.waiting + band.running === 0) this.#bands = this.#bands.filter((other) => other !== band);
  }

  #ttlMs({ ttlMs }: FlowRequest, band: Band): number {
    if (ttlMs !== undefined) return ttlMs;
    return this.#options.endpoints() === 0 ? Math.max(band.settings.ttlMs, this.#settings.emptyPoolTtlMs) : band.settings.ttlMs;
  }

  /** Why a request cannot even wait. Lets sheddable ones go to make room for it. */
  #obstacle(request: FlowRequest): Answered | undefined {
    const settings = this.#settings;
    const empty = this.#options.endpoints() === 0;
    if (empty && settings.emptyPoolTtlMs === 0) return 'rejected-no-endpoints';
    if (request.ttlMs !== undefined && request.ttlMs <= 0) return empty ? 'rejected-no-endpoints' : 'rejected-ttl-expired';
    if (request.priority < 0 && !settings.sheddableWaits && !empty && !(this.#share() < 1)) return 'rejected-saturated';
    const { bytes } = request;
    const band = this.#band(request.priority);
    const bandFits = fits({ requests: band.waiting, bytes: band.bytes }, bytes, band.settings.limits);
    const flowFits = fits(band.queued(request.flow), bytes, settings.flowLimits);
    this.#drop(band);
    if (!bandFits || !flowFits) return 'rejected-saturated';
    return this.#makeRoom(request) ? undefined : 'rejected-saturated';
  }

  /** Whether the request fits under the limits of all, if need be in the place of sheddable ones of a lower priority. */
  #makeRoom({ priority, bytes }: FlowRequest): boolean {
    const { limits } = this.#settings;
    const all = () => ({ requests: this.#waiting, bytes: this.#bytes });
    if (fits(all(), bytes, limits)) return true;
    const victims = this.#bands.filter((band) => band.priority < Math.min(priority, 0) && band.waiting > 0).reverse();
    const spared = all();
    for (const band of victims) {
      spared.requests -= band.waiting;
      spared.bytes -= band.bytes;
    }
    // Nobody is turned away for a request that would not fit all the same.
    if (!fits(spared, bytes, limits)) return false;
    for (const band of victims) {
      while (band.waiting > 0 && !fits(all(), bytes, limits)) this.#reject(band.last() as Queued, 'evicted-queue-pressure');
    }
    return true;
  }

  /** Whether a request may be let through now, and whether in this turn. */
  #room(): boolean {
    const share = this.#share();
    if (!(share < 1)) return false;
    if (this.#turnGrants === 0 || this.#running === 0) return true;
    // What one request adds is the share by the requests that ran when it was measured. Where they add nothing that can be seen, their
    // number may double in a turn.
    const most = share <= 0 ? this.#turnRunning : Math.floor((this.#turnRunning * (1 / share - 1)) / 2);
    return this.#turnGrants < most;
  }

  /** How full it is: 1 and above, or NaN, when nothing may be let through. */
  #share(): number {
    const { saturation, capacity, endpoints } = this.#options;
    if (endpoints() === 0 || this.#running >= (capacity?.() ?? Number.POSITIVE_INFINITY)) return 1;
    return this.#running === 0 ? 0 : saturation();
  }

  #admit(request: FlowRequest, band: Band, flow: Flow, waitedMs: number): Admission {
    const estimate = tokensOf(request);
    if (this.#turnGrants === 0) this.#turnRunning = this.#running;
    this.#turnGrants++;
    this.#awaitTurn();
    this.#running++;
    band.begin(flow, estimate);
    let released = false;
    const release = (usedTokens?: number): void => {
      if (released) return;
      released = true;
      this.#running--;
      const used = usedTokens !== undefined && Number.isFinite(usedTokens) ? Math.max(1, usedTokens) : estimate;
      band.end(flow, used - estimate);
      this.#drop(band);
      this.#dispatch();
    };
    return { waitedMs, release, [Symbol.dispose]: () => release() };
  }

  #awaitTurn(): void {
    if (this.#turnAwaited) return;
    this.#turnAwaited = true;
    this.#nextTurn(() => {
      this.#turnAwaited = false;
      this.#turnGrants = 0;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    // A callback of ours that calls back in: the loop below goes on with what it changed.
    if (this.#dispatching || this.#waiting === 0) return;
    this.#dispatching = true;
    try {
      const now = this.#now();
      this.#expire(now);
      while (this.#waiting > 0 && this.#room()) {
        const band = this.#nextBand()!;
        const queued = band.next() as Queued;
        const { request, flow, resolve, enteredAt } = queued;
        for (const other of this.#bands) if (other !== band && other.waiting > 0) other.passed++;
        band.passed = 0;
        const waitedMs = now - enteredAt;
        // Before it leaves its queue, so that its flow is not forgotten in between.
        const admission = this.#admit(request, band, flow, waitedMs);
        this.#leave(queued);
        this.#pace.passed(now);
        this.#tell(request, 'admitted', waitedMs);
        resolve(admission);
      }
    } finally {
      this.#dispatching = false;
    }
  }

  #nextBand(): Band | undefined {
    let highest: Band | undefined;
    let due: Band | undefined;
    for (const band of this.#bands) {
      if (band.waiting === 0) continue;
      highest ??= band;
      if (band.passed >= this.#settings.maxPassed && (due === undefined || band.passed > due.passed)) due = band;
    }
    return due ?? highest;
  }

  /** Takes a request out of everything that it waits in. */
  #leave(queued: Queued): void {
    this.#waiting--;
    this.#bytes -= queued.bytes;
    this.#expiring.remove(queued);
    queued.band.remove(queued);
    queued.request.signal?.removeEventListener('abort', queued.onAbort);
    this.#drop(queued.band);
    if (this.#waiting > 0) return;
    this.#cancelTimer?.();
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #reject(queued: Queued, reason: Answered): void {
    const waitedMs = this.#now() - queued.enteredAt;
    this.#leave(queued);
    this.#tell(queued.request, reason, waitedMs);
    queued.reject(this.#error(reason));
  }

  #cancelled(queued: Queued): void {
    this.#leave(queued);
    this.#tell(queued.request, 'rejected-context-cancelled', this.#now() - queued.enteredAt);
    queued.reject(queued.request.signal!.reason);
  }

  #refuse(request: FlowRequest, reason: Answered): Promise<never> {
    this.#tell(request, reason, 0);
    return Promise.reject(this.#error(reason));
  }

  #error(reason: Answered): GatewayError {
    return dropped(reason, reason === 'rejected-shutting-down' ? 1 : this.#pace.retryAfterS(this.#waiting, this.#options.endpoints()));
  }

  #tell({ id, flow, priority }: FlowRequest, result: FlowOutcome['result'], waitedMs: number): void {
    this.#options.onOutcome?.({ id, flow, priority, waitedMs, result });
  }

  #armTimer(now: number): void {
    const first = this.#expiring.peek();
    if (first === undefined || first.expiresAt >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = first.expiresAt;
    // Timers of the system hold 31 bits of milliseconds.
    const wait = Math.min(Math.max(0, Math.ceil(first.expiresAt - now)), 2_147_483_647);
    this.#cancelTimer = this.#setTimer(() => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      const then = this.#now();
      this.#expire(then);
      this.#armTimer(then);
    }, wait);
  }

  #expire(now: number): void {
    for (let first = this.#expiring.peek(); first !== undefined && first.expiresAt <= now; first = this.#expiring.peek()) {
      this.#reject(first, this.#options.endpoints() === 0 ? 'rejected-no-endpoints' : 'rejected-ttl-expired');
    }
  }
}

function fits(queued: QueueLimits, bytes: number, limits: QueueLimits): boolean {
  return queued.requests < limits.requests && queued.bytes + bytes <= limits.bytes;
}

/** At least one: a flow of requests that cost nothing would always be next. */
function tokensOf({ tokens }: FlowRequest): number {
  return Number.isFinite(tokens) ? Math.max(1, tokens) : 1;
}

function startTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms).unref();
  return () => clearTimeout(timer);
}
