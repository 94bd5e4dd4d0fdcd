import { Heap } from './heap.ts';
import type { BandSettings } from './settings.ts';

/** A request that waits. */
export interface Waiting {
  readonly sequence: number;
  readonly flow: Flow;
  readonly band: Band;
  readonly tokens: number;
  readonly bytes: number;
  readonly enteredAt: number;
  readonly expiresAt: number;
  /** Place in the queue of its flow. */
  turn: number;
  /** Place among all, by the end of their time. */
  expiry: number;
}

/** The requests of one fairness id in one band. */
export interface Flow {
  readonly id: string;
  readonly weight: number;
  /** Virtual token counter: tokens given so far, divided by the weight. The flow with the lowest is next. */
  counter: number;
  readonly queue: Heap<'turn', Waiting>;
  bytes: number;
  running: number;
  /** Place among the flows that have requests waiting. */
  place: number;
}

/** Idle flows that are remembered for what they have had ahead of others; of more, the oldest are forgotten. */
const MAX_IDLE_FLOWS = 10_000;
const FIRST_SWEEP = 256;

/**
 * The requests of one priority. Flows share it by tokens: a virtual token counter for each (Sheng et al., "Fairness in Serving Large Language
 * Models", OSDI 2024). Of two flows that both have requests waiting, neither is ahead of the other by more tokens (divided by weight)
 * than the largest request. A flow that was away starts level with the others: idle time is not saved up.
 */
export class Band {
  readonly priority: number;
  readonly settings: BandSettings;
  /** Requests of other bands let through while this one waited. */
  passed = 0;
  waiting = 0;
  bytes = 0;
  running = 0;
  readonly #weightOf: (flow: string) => number;
  readonly #flows = new Map<string, Flow>();
  readonly #active = new Heap<'place', Flow>('place', (a, b) =>
    a.counter === b.counter ? a.queue.peek()!.sequence < b.queue.peek()!.sequence : a.counter < b.counter,
  );
  /** The counter of the flow served last, before it was served: where a flow that comes starts. */
  #level = 0;
  #sweepAt = FIRST_SWEEP;

  constructor(priority: number, settings: BandSettings, weightOf: (flow: string) => number) {
    this.priority = priority;
    this.settings = settings;
    this.#weightOf = weightOf;
  }

  /** Flows that are remembered. */
  get flows(): number {
    return this.#flows.size;
  }

  /** What a flow has waiting. */
  queued(id: string): { readonly requests: number; readonly bytes: number } {
    const flow = this.#flows.get(id);
    return { requests: flow?.queue.size ?? 0, bytes: flow?.bytes ?? 0 };
  }

  flow(id: string): Flow {
    let flow = this.#flows.get(id);
    if (flow === undefined) {
      const { order } = this.settings;
      const before = (a: Waiting, b: Waiting) =>
        order === 'fcfs' || a.expiresAt === b.expiresAt ? a.sequence < b.sequence : a.expiresAt < b.expiresAt;
      const asked = this.#weightOf(id);
      const weight = asked > 0 && asked < Number.POSITIVE_INFINITY ? asked : 1;
      flow = { id, weight, counter: this.#level, queue: new Heap('turn', before), bytes: 0, running: 0, place: -1 };
      this.#flows.set(id, flow);
    }
    return flow;
  }

  add(waiting: Waiting): void {
    const { flow } = waiting;
    const idle = flow.queue.size === 0;
    flow.queue.push(waiting);
    flow.bytes += waiting.bytes;
    this.waiting++;
    this.bytes += waiting.bytes;
    if (idle) {
      flow.counter = Math.max(flow.counter, this.#level);
      this.#active.push(flow);
    } else {
      this.#active.update(flow);
    }
  }

  /** Takes a request out of its queue, whatever its turn. */
  remove(waiting: Waiting): void {
    const { flow } = waiting;
    flow.queue.remove(waiting);
    flow.bytes -= waiting.bytes;
    this.waiting--;
    this.bytes -= waiting.bytes;
    if (this.waiting === 0) this.passed = 0;
    if (flow.queue.size > 0) {
      this.#active.update(flow);
      return;
    }
    this.#active.remove(flow);
    this.#forgetIfLevel(flow);
  }

  /** The request whose turn it is. */
  next(): Waiting | undefined {
    return this.#active.peek()?.queue.peek();
  }

  /** The request that gives way first: the last one of the flow with the most waiting. */
  last(): Waiting | undefined {
    let longest: Flow | undefined;
    for (const flow of this.#active.items()) if (longest === undefined || flow.queue.size > longest.queue.size) longest = flow;
    let last: Waiting | undefined;
    for (const waiting of longest?.queue.items() ?? []) if (last === undefined || waiting.sequence > last.sequence) last = waiting;
    return last;
  }

  /** A request of the flow begins: its estimate is charged now, so that the next choice knows of it. */
  begin(flow: Flow, tokens: number): void {
    this.running++;
    flow.running++;
    flow.counter = Math.max(flow.counter, flow.queue.size === 0 ? this.#level : flow.counter);
    this.#level = Math.max(this.#level, flow.counter);
    this.#charge(flow, tokens);
    if (this.#flows.size >= this.#sweepAt) this.#sweep();
  }

  /** A request of the flow has ended. @param correction tokens that it used beyond the estimate; below 0 for fewer. */
  end(flow: Flow, correction: number): void {
    this.running--;
    flow.running--;
    this.#charge(flow, correction);
    this.#forgetIfLevel(flow);
  }

  #charge(flow: Flow, tokens: number): void {
    flow.counter += tokens / flow.weight;
    if (flow.place !== -1) this.#active.update(flow);
  }

  #forgetIfLevel(flow: Flow): void {
    if (isIdle(flow) && flow.counter <= this.#level) this.#flows.delete(flow.id);
  }

  /** The level rises past flows that nobody touches any more. */
  #sweep(): void {
    let idle = 0;
    for (const flow of this.#flows.values()) {
      this.#forgetIfLevel(flow);
      if (isIdle(flow)) idle++;
    }
    for (const flow of this.#flows.values()) {
      if (idle <= MAX_IDLE_FLOWS) break;
      if (!isIdle(flow)) continue;
      this.#flows.delete(flow.id);
      idle--;
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#flows.size);
  }
}

function isIdle(flow: Flow): boolean {
  return flow.running === 0 && flow.queue.size === 0;
}
