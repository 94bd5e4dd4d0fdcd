import type { KubernetesClient } from './client.ts';
import { type Clock, pause, REAL_CLOCK } from './clock.ts';
import { type Lease, type LeasePlace, type LeaseSpec, microTime, readLease, writeLease } from './lease.ts';

export interface LeaderElectionOptions extends LeasePlace {
  readonly client: KubernetesClient;
  /** Unlike that of any other candidate, such as the pod's name and a random part. */
  readonly identity: string;
  /** Time after which others may take a lease that its holder does not renew. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** Time without a renewal after which the leader stops leading; less than leaseMs. @default 10000 */
  readonly renewDeadlineMs?: number | undefined;
  /** Time between two tries. @default 2000 */
  readonly retryMs?: number | undefined;
  /** Leading begins. */
  readonly onStart: () => void;
  /** Leading is over, and somebody else may begin soon: stop writing at once. */
  readonly onStop: (why: string) => void;
  readonly onError?: ((error: Error) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/**
 * Among several processes, one that leads, by a Lease, as client-go's leaderelection does it: what a candidate has seen of the lease
 * counts from the moment when it saw it, on its own clock that never goes back. So clocks of machines may differ; only their speed may not.
 *
 * The leader counts from before it sends a renewal, the others from after they have read it, and it gives up earlier than they may take
 * over.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #leaseMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  readonly #stop = new AbortController();
  /** The lease as it was last seen to differ, and when. */
  #seen: { readonly lease: Lease | undefined; readonly at: number } = { lease: undefined, at: 0 };
  /** Until when this process leads unless it renews; undefined: it does not. */
  #until: number | undefined;
  #cancelDeadline = () => {};
  #running: Promise<void> | undefined;

  /** @throws RangeError when two leaders could be at once */
  constructor(options: LeaderElectionOptions) {
    const { leaseMs = 15_000, renewDeadlineMs = 10_000, retryMs = 2000, clock = REAL_CLOCK, random = Math.random } = options;
    if (!(leaseMs > renewDeadlineMs && renewDeadlineMs > retryMs * 1.2 && retryMs > 0)) {
      throw new RangeError(`leaseMs (${leaseMs}) > renewDeadlineMs (${renewDeadlineMs}) > 1.2 × retryMs (${retryMs}) must hold`);
    }
    if (options.identity === '') throw new RangeError('identity is empty, which stands for a lease that nobody holds');
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#leaseMs = leaseMs;
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#retryMs = retryMs;
  }

  /** Whether this process leads now. By the clock: also when a timer is late. */
  get leading(): boolean {
    return this.#until !== undefined && this.#clock.now() < this.#until;
  }

  /** Who leads, as far as it was seen last; undefined: nobody. */
  get leader(): string | undefined {
    return this.#seen.lease?.spec?.holderIdentity || undefined;
  }

  /** Begins to apply for the lease. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops leading, and gives the lease back so that the next one need not wait. */
  async stop(): Promise<void> {
    this.#lose('it was stopped');
    this.#stop.abort();
    await this.#running;
    try {
      await this.#release();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #release(): Promise<void> {
    const { client, identity } = this.#options;
    const { signal } = new AbortController();
    let { lease } = this.#seen;
    // A renewal that was cut may have been written all the same: then the version that was seen is not the last one.
    for (let tries = 0; tries < 2 && lease?.spec?.holderIdentity === identity; tries++) {
      const spec: LeaseSpec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(Date.now()) };
      if ((await writeLease(client, this.#options, lease, spec, this.#retryMs, signal)) !== undefined) return;
      lease = await readLease(client, this.#options, this.#retryMs, signal);
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#try(signal);
      } catch (error) {
        if (!signal.aborted) this.#failed(error);
      }
      // Candidates that began together do not go on together.
      await pause(this.#clock, this.#retryMs * (1 + this.#random() * 0.2), signal);
    }
  }

  /** One try to take or to renew the lease. */
  async #try(signal: AbortSignal): Promise<void> {
    const { client, identity } = this.#options;
    // A request that hangs must leave time for another one before the deadline.
    const timeoutMs = Math.ceil(this.#renewDeadlineMs / 2);
    const lease = await readLease(client, this.#options, timeoutMs, signal);
    const begunAt = this.#clock.now();
    if (lease?.metadata.resourceVersion !== this.#seen.lease?.metadata.resourceVersion || lease === undefined) {
      this.#seen = { lease, at: begunAt };
    }
    const before = lease?.spec;
    const mine = before?.holderIdentity === identity;
    if (!mine) {
      this.#lose(`the lease is held by ${before?.holderIdentity || 'nobody'}`);
      const leaseMs = (before?.leaseDurationSeconds ?? 0) * 1000;
      if (before?.holderIdentity && begunAt < this.#seen.at + leaseMs) return;
    }
    const now = microTime(Date.now());
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
      acquireTime: mine ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (mine || before === undefined ? 0 : 1),
    };
    const written = await writeLease(client, this.#options, lease, spec, timeoutMs, signal);
    if (written === undefined) return;
    this.#seen = { lease: written, at: this.#clock.now() };
    this.#lead(begunAt + this.#renewDeadlineMs);
  }

  /** @param until counted from before the renewal was sent */
  #lead(until: number): void {
    const left = until - this.#clock.now();
    // The answer came too late to count on.
    if (left <= 0 || this.#stop.signal.aborted) return;
    const begins = !this.leading;
    if (begins) this.#lose('it was not renewed in time');
    this.#until = until;
    this.#cancelDeadline();
    this.#cancelDeadline = this.#clock.after(left, () => this.#lose(`it was not renewed for ${this.#renewDeadlineMs} ms`));
    if (begins) this.#options.onStart();
  }

  #lose(why: string): void {
    if (this.#until === undefined) return;
    this.#until = undefined;
    this.#cancelDeadline();
    this.#options.onStop(`leading of ${this.#options.namespace}/${this.#options.name} is over: ${why}`);
  }

  #failed(error: unknown): void {
    this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
  }
}
