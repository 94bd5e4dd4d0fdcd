/** When an endpoint is taken out of the choice, as BackendTrafficPolicy healthCheck.passive says it. */
export interface PassiveHealthCheck {
  /** Failures of any kind in a row that eject; 0: never. */
  readonly consecutiveFailures: number;
  /** 502, 503, 504 in a row that eject; 0: never. */
  readonly consecutiveGatewayErrors: number;
  /** Failures to connect in a row that eject; 0: never. */
  readonly consecutiveLocalFailures: number;
  /** The first ejection lasts so long; each further one longer by as much, up to {@link maxEjectionMs}. */
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Endpoints of one backend that may be out at the same time, in percent; one may always be. */
  readonly maxEjectionPercent: number;
}

/** Without a policy: five failures in a row, five seconds at first, one minute at most. */
export const DEFAULT_HEALTH_CHECK: PassiveHealthCheck = {
  consecutiveFailures: 5,
  consecutiveGatewayErrors: 0,
  consecutiveLocalFailures: 0,
  baseEjectionMs: 5000,
  maxEjectionMs: 60_000,
  maxEjectionPercent: 100,
};

export type FailureSort = 'local' | 'gateway' | 'server';

/** A wait that a backend asks for is honoured up to here: a mistaken header must not take a backend away for a day. */
const MAX_COOL_DOWN_MS = 300_000;

/** What is known of one endpoint from the calls made to it. */
export class EndpointHealth {
  readonly #check: PassiveHealthCheck;
  #failures = 0;
  #gatewayErrors = 0;
  #localFailures = 0;
  #ejections = 0;
  #outUntil = 0;
  #coolUntil = 0;
  #trial = false;
  #timesEjected = 0;

  constructor(check: PassiveHealthCheck) {
    this.#check = check;
  }

  /** Whether a call may be made now. After an ejection one call at a time tries the endpoint. */
  available(now: number): boolean {
    if (now < this.#coolUntil) return false;
    if (this.#outUntil === 0) return true;
    return now >= this.#outUntil && !this.#trial;
  }

  ejected(now: number): boolean {
    return now < this.#outUntil;
  }

  /** Earliest time at which a call may be made. */
  availableAt(): number {
    return Math.max(this.#coolUntil, this.#outUntil);
  }

  /** Why it is out: asked to wait, or ejected. */
  cooling(now: number): boolean {
    return now < this.#coolUntil;
  }

  /** Failures since the last success or ejection. */
  get failuresInARow(): number {
    return this.#failures;
  }

  /** Ejections so far. */
  get timesEjected(): number {
    return this.#timesEjected;
  }

  started(now: number): void {
    if (this.#outUntil !== 0 && now >= this.#outUntil) this.#trial = true;
  }

  /** The call ended and says nothing about the endpoint: the client left, or the request itself was at fault. */
  neutral(): void {
    this.#trial = false;
  }

  succeeded(): void {
    this.#failures = this.#gatewayErrors = this.#localFailures = 0;
    this.#trial = false;
    if (this.#outUntil !== 0) this.#outUntil = 0;
    if (this.#ejections > 0) this.#ejections--;
  }

  /** @param mayEject whether the backend's other endpoints leave room for an ejection. */
  failed(sort: FailureSort, now: number, mayEject: boolean): void {
    const trial = this.#trial;
    this.#trial = false;
    // A call that began before the ejection: one outage with many calls under way is one ejection.
    if (now < this.#outUntil) return;
    this.#failures++;
    this.#gatewayErrors = sort === 'gateway' ? this.#gatewayErrors + 1 : 0;
    this.#localFailures = sort === 'local' ? this.#localFailures + 1 : 0;
    if (!mayEject || !(trial || this.#limitReached())) return;
    this.#ejections++;
    this.#timesEjected++;
    this.#outUntil = now + Math.min(this.#check.baseEjectionMs * this.#ejections, this.#check.maxEjectionMs);
    this.#failures = this.#gatewayErrors = this.#localFailures = 0;
  }

  /** The backend asked to wait (Retry-After). */
  coolDown(now: number, waitMs: number): void {
    this.#coolUntil = Math.max(this.#coolUntil, now + Math.min(waitMs, MAX_COOL_DOWN_MS));
  }

  #limitReached(): boolean {
    const { consecutiveFailures, consecutiveGatewayErrors, consecutiveLocalFailures } = this.#check;
    return (
      reached(this.#failures, consecutiveFailures) ||
      reached(this.#gatewayErrors, consecutiveGatewayErrors) ||
      reached(this.#localFailures, consecutiveLocalFailures)
    );
  }
}

function reached(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}
