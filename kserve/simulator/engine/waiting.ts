import type { Sequence } from './sequence.ts';

/** Sequences that wait for a place, in the order in which they get one. */
export class WaitingQueue {
  readonly #policy: 'fcfs' | 'priority';
  #items: Sequence[] = [];
  #head = 0;

  constructor(policy: 'fcfs' | 'priority') {
    this.#policy = policy;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** The sequence at a place; 0 is the next. */
  at(index: number): Sequence | undefined {
    return this.#items[this.#head + index];
  }

  /** Adds a new sequence. */
  push(sequence: Sequence): void {
    if (this.#policy === 'fcfs') this.#items.push(sequence);
    else this.#insert(sequence);
  }

  /** Adds a sequence that had a place already: it goes before all others, or to where its priority belongs. */
  pushBack(sequence: Sequence): void {
    if (this.#policy === 'priority') {
      this.#insert(sequence);
      return;
    }
    if (this.#head === 0) this.#items.unshift(sequence);
    else this.#items[--this.#head] = sequence;
  }

  /** Takes the sequence at a place out. */
  take(index: number): Sequence {
    const at = this.#head + index;
    const sequence = this.#items[at];
    if (sequence === undefined) throw new RangeError(`no sequence waits at place ${index}`);
    if (index > 0) {
      this.#items.splice(at, 1);
      return sequence;
    }
    this.#head++;
    // Give the taken places back now and then, so that each costs one copy at most.
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return sequence;
  }

  /** @returns whether it waited */
  remove(sequence: Sequence): boolean {
    const at = this.#items.indexOf(sequence, this.#head);
    if (at < 0) return false;
    this.take(at - this.#head);
    return true;
  }

  [Symbol.iterator](): Iterator<Sequence> {
    return this.#items.slice(this.#head)[Symbol.iterator]();
  }

  #insert(sequence: Sequence): void {
    let low = this.#head;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (goesFirst(this.#items[middle]!, sequence)) low = middle + 1;
      else high = middle;
    }
    this.#items.splice(low, 0, sequence);
  }
}

/** @returns whether `one` goes before `other` by priority, then by arrival */
export function goesFirst(one: Sequence, other: Sequence): boolean {
  const difference = (one.request.priority ?? 0) - (other.request.priority ?? 0);
  return difference !== 0 ? difference < 0 : one.order < other.order;
}
