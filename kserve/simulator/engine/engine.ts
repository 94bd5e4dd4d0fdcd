import { BlockAllocator, type BlockEvents } from './blocks.ts';
import { chainRoot, type Content } from './content.ts';
import { LoraSlots } from './lora.ts';
import { type StepTimes, stepMs } from './profile.ts';
import type { EngineEvents, EngineRequest, EngineSettings, FinishReason } from './request.ts';
import { hashAt, newSequence, type Sequence, total } from './sequence.ts';
import { goesFirst, WaitingQueue } from './waiting.ts';

/** The gauges that an engine publishes. */
export interface ReportedGauges {
  readonly running: number;
  readonly waiting: number;
  readonly kvUsage: number;
}

/** What is asked of an engine from outside at one moment. */
export interface EngineSnapshot {
  readonly running: number;
  readonly waiting: number;
  /** Of those, the ones that wait for an adapter or for a transfer rather than for room. */
  readonly deferred: number;
  readonly kvUsage: number;
  readonly runningLoras: readonly string[];
  readonly waitingLoras: readonly string[];
  /** Prompt tokens of waiting and running sequences that are still to be computed. */
  readonly pendingPrefillTokens: number;
  readonly preemptions: number;
}

/**
 * One vLLM engine (V1 scheduler) as a discrete-event machine without timers and input or output. It computes step after step: each step
 * gives every running sequence one token, or the next chunk of its prompt, out of one budget of tokens; what is left admits waiting
 * sequences. If a running sequence finds no block, the last one of the batch gives its blocks back and starts again later.
 *
 * All times are milliseconds on the caller's clock, and calls must not go back in time.
 */
export class Engine {
  readonly settings: EngineSettings;
  readonly allocator: BlockAllocator;
  readonly loras: LoraSlots;
  readonly #times: StepTimes;
  readonly #events: EngineEvents;
  readonly #waiting: WaitingQueue;
  readonly #sequences = new Map<string, Sequence>();
  #running: Sequence[] = [];
  #transferring: Sequence[] = [];
  #stepEndsAt = Infinity;
  #now = 0;
  #order = 0;
  #preemptions = 0;
  #asleep = false;
  /** The batch is being put together: no other step may begin. */
  #busy = false;
  /** Free blocks when the next waiting sequence found no room: without more of them, or new cached prompts, it finds none again. */
  #noRoomBelow = -1;
  #arrivedInStep = 0;
  #reported: ReportedGauges = { running: 0, waiting: 0, kvUsage: 0 };
  /** Reused by every step. */
  readonly #load = { prefillTokens: 0, decodeSequences: 0, contextTokens: 0, prefillPairs: 0 };

  /** Slows every step, for failure injection. */
  slowness = 1;

  constructor(settings: EngineSettings, times: StepTimes, events: EngineEvents = {}, blockEvents: BlockEvents = {}) {
    if (settings.maxModelLen > settings.blocks * settings.blockSize) {
      throw new RangeError(
        `a sequence of ${settings.maxModelLen} tokens (maxModelLen) does not fit the KV cache of ${settings.blocks * settings.blockSize}`,
      );
    }
    this.settings = settings;
    this.#times = times;
    this.#events = events;
    this.allocator = new BlockAllocator(settings.blocks, settings.blockSize, settings.prefixCaching, blockEvents);
    this.loras = new LoraSlots(settings.maxLoras, settings.loraLoadMs);
    this.#waiting = new WaitingQueue(settings.policy);
  }

  /**
   * Queues a request, and starts a step if the engine is idle.
   * @throws RangeError if it can never fit, or its id is in use
   */
  submit(request: EngineRequest, now: number): Sequence {
    this.advance(now);
    const tokens = request.content.length + request.outputTokens;
    if (tokens > this.settings.maxModelLen)
      throw new RangeError(`${tokens} tokens are more than the model takes (${this.settings.maxModelLen})`);
    if (this.#sequences.has(request.id)) throw new RangeError(`a request with the id "${request.id}" is in the engine already`);
    const chain = request.content.chain(chainRoot(this.settings.model, request.lora, request.salt), this.settings.blockSize);
    const sequence = newSequence(request, now, this.#order++, chain);
    this.#sequences.set(request.id, sequence);
    this.#waiting.push(sequence);
    this.#noRoomBelow = -1;
    if (this.#stepEndsAt === Infinity) this.#begin(now);
    else this.#arrivedInStep++;
    return sequence;
  }

  /** Ends a request early. Its blocks are free at once. @returns false if it is not in the engine */
  abort(id: string, now: number, reason: FinishReason = 'abort'): boolean {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return false;
    if (sequence.state === 'waiting') this.#waiting.remove(sequence);
    else if (sequence.state === 'transferring') this.#transferring = this.#transferring.filter((other) => other !== sequence);
    else this.#running = this.#running.filter((other) => other !== sequence);
    const at = Math.max(now, this.#now);
    this.#end(sequence, at, reason);
    // Others may have waited for its blocks while nothing ran.
    if (this.#stepEndsAt === Infinity && !this.#busy) this.#begin(at);
    return true;
  }

  /** When `advance` has something to do next; Infinity if nothing is under way. */
  nextEventAt(): number {
    if (this.#stepEndsAt < Infinity || this.#asleep) return this.#stepEndsAt;
    // Nothing runs: what is left waits for a transfer or for an adapter's weights.
    let next = this.waiting > 0 ? this.loras.nextReadyAt(this.#now) : Infinity;
    for (const { transferReadyAt } of this.#transferring) if (transferReadyAt > this.#now) next = Math.min(next, transferReadyAt);
    return next;
  }

  /** Ends all steps that are over at `now`, and begins the next ones. */
  advance(now: number): void {
    for (;;) {
      const at = this.nextEventAt();
      if (at > now) break;
      this.#now = at;
      if (this.#stepEndsAt < Infinity) {
        this.#complete(at);
        this.#report();
      }
      this.#begin(at);
    }
    this.#now = Math.max(this.#now, now);
  }

  /** Takes the weights and the KV cache off the machine: running sequences start again after {@link wake}. */
  sleep(now: number): void {
    this.advance(now);
    this.#asleep = true;
    this.#stepEndsAt = Infinity;
    while (this.#running.length > 0) this.#preempt(this.#running.length - 1, now);
    for (const sequence of this.#transferring.splice(0).reverse()) {
      sequence.state = 'waiting';
      sequence.computed = 0;
      this.allocator.release(sequence.blocks);
      this.#waiting.pushBack(sequence);
    }
    this.allocator.clear();
  }

  wake(now: number): void {
    this.#now = Math.max(this.#now, now);
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#begin(this.#now);
  }

  get asleep(): boolean {
    return this.#asleep;
  }

  /** Ends everything with an error, as a crash does. */
  crash(now: number): void {
    this.#busy = true;
    for (const sequence of this.#sequences.values()) this.abort(sequence.request.id, now, 'error');
    this.#busy = false;
    this.#stepEndsAt = Infinity;
    this.allocator.clear();
    this.#report();
  }

  /** @returns tokens of the prompt that the prefix cache holds now, without a gap from the start */
  cachedPrefixTokens(content: Content, lora?: string, salt?: string): number {
    const chain = content.chain(chainRoot(this.settings.model, lora, salt), this.settings.blockSize);
    return this.allocator.match(chain, this.#mostHits(content.length)) * this.settings.blockSize;
  }

  snapshot(): EngineSnapshot {
    let pending = 0;
    const waitingLoras = new Set<string>();
    let deferred = this.#transferring.length;
    for (const { request } of this.#waiting) {
      pending += request.content.length;
      if (request.lora === undefined) continue;
      waitingLoras.add(request.lora);
      if (!this.loras.ready(request.lora, this.#now)) deferred++;
    }
    for (const { request, computed } of this.#running) pending += Math.max(0, request.content.length - computed);
    return {
      running: this.#running.length,
      waiting: this.#waiting.length + this.#transferring.length,
      deferred,
      kvUsage: this.allocator.usage,
      runningLoras: this.loras.running,
      waitingLoras: [...waitingLoras],
      pendingPrefillTokens: pending,
      preemptions: this.#preemptions,
    };
  }

  /**
   * The gauges as vLLM publishes them: computed by the scheduler when a step ends, so they are as old as the step under way, and a request
   * that came during a step is not in them before the end of the next one.
   */
  get reported(): ReportedGauges {
    return this.#reported;
  }

  #report(): void {
    this.#reported = {
      running: this.#running.length,
      waiting: Math.max(0, this.waiting - this.#arrivedInStep),
      kvUsage: this.allocator.usage,
    };
  }

  get running(): number {
    return this.#running.length;
  }

  get waiting(): number {
    return this.#waiting.length + this.#transferring.length;
  }

  #begin(now: number): void {
    this.#stepEndsAt = Infinity;
    if (this.#asleep) return;
    this.#arrivedInStep = 0;
    this.#busy = true;
    const { left, preempted } = this.#scheduleRunning(this.settings.maxNumBatchedTokens, now);
    // vLLM admits nobody in a step in which somebody had to go. If that was the last one, there would be no step at all.
    if (!preempted || this.#running.length === 0) this.#scheduleWaiting(this.#scheduleReceived(left, now), now);
    this.#start(now);
    this.#busy = false;
  }

  #scheduleRunning(budget: number, now: number): { left: number; preempted: boolean } {
    let left = budget;
    let preempted = false;
    for (let i = 0; i < this.#running.length && left > 0; i++) {
      const sequence = this.#running[i]!;
      const tokens = Math.min(total(sequence) - sequence.computed, left);
      while (sequence.state === 'running' && !this.#grow(sequence, sequence.computed + tokens)) {
        const victim = this.#victim();
        preempted = true;
        left += this.#running[victim]!.scheduled;
        // The list closes up behind it. It may be this sequence itself: then the next one moves to its place.
        if (victim <= i) i--;
        this.#preempt(victim, now);
      }
      if (sequence.state !== 'running') continue;
      sequence.scheduled = tokens;
      left -= tokens;
    }
    return { left, preempted };
  }

  /** Sequences whose KV cache has arrived hold blocks, so they go before all that wait, whatever their priority. */
  #scheduleReceived(budget: number, now: number): number {
    let left = budget;
    for (const sequence of this.#transferring) {
      if (sequence.transferReadyAt > now || left === 0 || this.#running.length >= this.settings.maxNumSeqs) continue;
      const { lora } = sequence.request;
      if (lora !== undefined && !((this.loras.request(lora, now) ?? Infinity) <= now)) continue;
      // The last token is computed here: its logits give the first token of the answer.
      sequence.computed = sequence.request.content.length - 1;
      sequence.transferredTokens = sequence.computed - sequence.cachedTokens;
      this.#run(sequence, 1);
      left--;
    }
    this.#transferring = this.#transferring.filter(({ state }) => state === 'transferring');
    return left;
  }

  #run(sequence: Sequence, tokens: number): void {
    sequence.state = 'running';
    sequence.scheduled = tokens;
    this.#running.push(sequence);
    if (sequence.request.lora !== undefined) this.loras.hold(sequence.request.lora);
  }

  #scheduleWaiting(budget: number, now: number): void {
    let left = budget;
    let index = 0;
    while (left > 0 && this.#running.length < this.settings.maxNumSeqs) {
      const sequence = this.#waiting.at(index);
      if (sequence === undefined) return;
      if (index === 0 && this.allocator.free <= this.#noRoomBelow) return;
      const { lora } = sequence.request;
      if (lora !== undefined && !((this.loras.request(lora, now) ?? Infinity) <= now)) {
        index++;
        continue;
      }
      const tokens = this.#admit(sequence, left, now);
      if (tokens === undefined) {
        if (index === 0) this.#noRoomBelow = this.allocator.free;
        return;
      }
      this.#waiting.take(index);
      if (tokens === 0) continue;
      left -= tokens;
    }
  }

  /** @returns the tokens that are scheduled for it; 0 if it waits for a transfer now; undefined if there is no room */
  #admit(sequence: Sequence, budget: number, now: number): number | undefined {
    const { allocator } = this;
    const length = total(sequence);
    const { request } = sequence;
    const hits = allocator.match(sequence.chain, this.#mostHits(length));
    const remote = request.remotePrefill === true && sequence.preemptions === 0;
    const computed = hits * this.settings.blockSize;
    const tokens = Math.min(length - computed, budget);
    const fresh = this.#blocksFor(remote ? length : computed + tokens) - hits;
    if (!allocator.fits(sequence.chain, hits, fresh)) return undefined;
    allocator.share(sequence.chain, hits, sequence.blocks);
    allocator.allocate(fresh, sequence.blocks);
    sequence.stored = hits;
    sequence.computed = computed;
    if (sequence.admittedAt === undefined) {
      sequence.cachedTokens = computed;
      sequence.admittedAt = now;
      this.#events.admitted?.(sequence, now);
    }
    if (remote && length - computed > 1) {
      sequence.state = 'transferring';
      sequence.transferReadyAt = now + (length - computed) * this.settings.transferPerTokenMs;
      this.#transferring.push(sequence);
      return 0;
    }
    this.#run(sequence, tokens);
    return tokens;
  }

  #start(now: number): void {
    const load = this.#load;
    load.prefillTokens = load.decodeSequences = load.contextTokens = load.prefillPairs = 0;
    let sequences = 0;
    for (const sequence of this.#running) {
      const tokens = sequence.scheduled;
      if (tokens === 0) continue;
      sequences++;
      if (tokens === 1 && sequence.output > 0 && sequence.computed === total(sequence) - 1) {
        load.decodeSequences++;
        load.contextTokens += sequence.computed;
      } else {
        load.prefillTokens += tokens;
        load.prefillPairs += tokens * (sequence.computed + tokens / 2);
      }
    }
    if (sequences === 0) return;
    const durationMs = stepMs(this.#times, load) * this.slowness;
    this.#stepEndsAt = now + durationMs;
    this.#events.step?.({
      startedAt: now,
      durationMs,
      prefillTokens: load.prefillTokens,
      decodeTokens: load.decodeSequences,
      sequences,
      budget: this.settings.maxNumBatchedTokens,
    });
  }

  #complete(now: number): void {
    const { blockSize } = this.settings;
    let gap = -1;
    let gaps = 0;
    let ended = false;
    const batch = this.#running;
    for (let i = 0; i < batch.length; i++) {
      const sequence = batch[i]!;
      const tokens = sequence.scheduled;
      // Gone since: a callback may abort others of the batch.
      if (tokens === 0 || sequence.state !== 'running') continue;
      sequence.scheduled = 0;
      sequence.computed += tokens;
      if (tokens > 1) this.#noRoomBelow = -1;
      if (Math.floor(sequence.computed / blockSize) > sequence.stored) this.#store(sequence);
      if (sequence.computed < total(sequence)) continue;
      if (sequence.request.outputTokens > 0) {
        sequence.output++;
        if (sequence.lastTokenAt === undefined) sequence.firstTokenAt = now;
        else if (now - sequence.lastTokenAt === gap) gaps++;
        else {
          if (gaps > 0) this.#events.gap?.(gap, gaps);
          gap = now - sequence.lastTokenAt;
          gaps = 1;
        }
        sequence.lastTokenAt = now;
        this.#events.token?.(sequence, now);
      }
      if (sequence.output >= sequence.request.outputTokens && sequence.finishedAt === undefined) {
        this.#end(sequence, now, sequence.request.ends);
        ended = true;
      }
    }
    if (gaps > 0) this.#events.gap?.(gap, gaps);
    if (ended) this.#running = this.#running.filter(({ state }) => state === 'running');
  }

  /** Lists the blocks that are full now. */
  #store(sequence: Sequence): void {
    const { blockSize, model } = this.settings;
    const { chain, answerChain, request } = sequence;
    const full = Math.floor(sequence.computed / blockSize);
    for (let i = sequence.stored; i < full; i++) {
      const parent = i === 0 ? chainRoot(model, request.lora, request.salt) : hashAt(sequence, i - 1);
      if (i >= chain.length && i - chain.length >= answerChain.length) {
        answerChain.push(request.content.mix(parent, i * blockSize, (i + 1) * blockSize));
      }
      this.allocator.store(sequence.blocks[i]!, hashAt(sequence, i), parent);
    }
    sequence.stored = full;
  }

  #grow(sequence: Sequence, tokens: number): boolean {
    const missing = this.#blocksFor(tokens) - sequence.blocks.length;
    return missing <= 0 || this.allocator.allocate(missing, sequence.blocks);
  }

  #victim(): number {
    if (this.settings.policy === 'fcfs') return this.#running.length - 1;
    let victim = 0;
    for (let i = 1; i < this.#running.length; i++) if (goesFirst(this.#running[victim]!, this.#running[i]!)) victim = i;
    return victim;
  }

  /** Takes a sequence out of the batch. Its answer so far is kept, and computed again with its prompt. */
  #preempt(index: number, now: number): void {
    const [sequence] = this.#running.splice(index, 1);
    this.allocator.release(sequence!.blocks);
    sequence!.computed = 0;
    sequence!.stored = 0;
    sequence!.scheduled = 0;
    sequence!.state = 'waiting';
    sequence!.preemptions++;
    if (sequence!.request.lora !== undefined) this.loras.release(sequence!.request.lora);
    this.#preemptions++;
    this.#waiting.pushBack(sequence!);
    this.#noRoomBelow = -1;
    this.#events.preempted?.(sequence!, now);
  }

  #end(sequence: Sequence, now: number, reason: FinishReason): void {
    if (sequence.state === 'running' && sequence.request.lora !== undefined) this.loras.release(sequence.request.lora);
    sequence.state = 'finished';
    sequence.scheduled = 0;
    sequence.finishedAt = now;
    this.allocator.release(sequence.blocks);
    this.#sequences.delete(sequence.request.id);
    this.#noRoomBelow = -1;
    this.#events.finished?.(sequence, now, reason);
  }

  #blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.settings.blockSize);
  }

  /** At least one token must be computed, to have something to sample from. */
  #mostHits(length: number): number {
    return Math.floor((length - 1) / this.settings.blockSize);
  }
}
