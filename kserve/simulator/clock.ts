/** Something that changes by itself at times that it knows, and that has no timers of its own. Times are milliseconds. */
export interface Machine {
  /** When it has something to do next; Infinity if nothing is under way. */
  nextEventAt(): number;
  /** Does everything that is due at `now`. */
  advance(now: number): void;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Discrete events: time jumps from one to the next. Whatever is due at one time runs in a fixed order, so a run repeats itself exactly. */
export class VirtualClock {
  readonly #machines: Machine[] = [];
  readonly #timers: Timer[] = [];
  #now = 0;
  #order = 0;

  /** Milliseconds since the start of the run. */
  get now(): number {
    return this.#now;
  }

  add(machine: Machine): void {
    this.#machines.push(machine);
  }

  /** Runs something at a time, which must not be past. Of equal times, the first one asked for comes first; machines go before. */
  at(time: number, run: () => void): void {
    if (!(time >= this.#now)) throw new RangeError(`${time} ms is past: it is ${this.#now} ms`);
    push(this.#timers, { at: time, order: this.#order++, run });
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.#now + delayMs, run);
  }

  /** Runs until nothing is left to do, or until a time. */
  run(until = Infinity): void {
    for (;;) {
      let next = this.#timers[0]?.at ?? Infinity;
      let machine: Machine | undefined;
      for (const candidate of this.#machines) {
        const at = candidate.nextEventAt();
        if (at < next || (at === next && machine === undefined && at < Infinity)) {
          next = at;
          machine = candidate;
        }
      }
      if (next === Infinity || next > until) break;
      this.#now = Math.max(this.#now, next);
      if (machine === undefined) pop(this.#timers).run();
      else machine.advance(this.#now);
    }
    if (until < Infinity) this.#now = Math.max(this.#now, until);
  }
}

/** Drives a machine with the wall clock. */
export class RealTime {
  readonly #machine: Machine;
  readonly #scale: number;
  readonly #origin = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Infinity;
  #stopped = false;

  /** @param scale how many times faster than the wall clock the machine's time runs */
  constructor(machine: Machine, scale = 1) {
    if (!(scale > 0)) throw new RangeError(`the speed must be above 0, not ${scale}`);
    this.#machine = machine;
    this.#scale = scale;
    this.poke();
  }

  /** The machine's time: milliseconds since the start, times the scale. */
  now(): number {
    return (performance.now() - this.#origin) * this.#scale;
  }

  /** To be called after anything that may have brought the machine's next event forward. */
  poke(): void {
    if (this.#stopped) return;
    const next = this.#machine.nextEventAt();
    if (this.#timer !== undefined && this.#armedFor <= next) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (next === Infinity) return;
    this.#armedFor = next;
    const delayMs = Math.min(Math.max(0, Math.ceil((next - this.now()) / this.#scale)), MAX_TIMEOUT_MS);
    this.#timer = setTimeout(() => this.#tick(), delayMs).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #tick(): void {
    this.#timer = undefined;
    this.#armedFor = Infinity;
    this.#machine.advance(this.now());
    this.poke();
  }
}

/** The longest time that a timer of Node takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function before(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** A binary heap. */
function push(heap: Timer[], timer: Timer): void {
  let at = heap.length;
  heap.push(timer);
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    if (!before(timer, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): Timer {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
