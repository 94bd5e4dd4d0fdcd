/**
 * A binary heap whose items know their place in it, so that one can be taken out or moved in logarithmic time. The place is kept in
 * the item, in the field `Slot`: -1 while the item is outside. An item may be in several heaps, with a field for each.
 */
export class Heap<Slot extends string, T extends { [K in Slot]: number }> {
  readonly #items: T[] = [];
  readonly #slot: Slot;
  readonly #before: (a: T, b: T) => boolean;

  constructor(slot: Slot, before: (a: T, b: T) => boolean) {
    this.#slot = slot;
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** In no order. */
  items(): readonly T[] {
    return this.#items;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#set(item, this.#items.length - 1);
    this.#rise(this.#items.length - 1);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes an item out; does nothing for one that is outside. */
  remove(item: T): void {
    const at: number = item[this.#slot];
    if (at === -1) return;
    this.#set(item, -1);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#items[at] = last;
    this.#set(last, at);
    this.update(last);
  }

  /** Puts an item into its place after its key has changed. */
  update(item: T): void {
    this.#rise(item[this.#slot]);
    this.#sink(item[this.#slot]);
  }

  #rise(start: number): void {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(this.#items[at]!, this.#items[parent]!)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(start: number): void {
    let at = start;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let first = at;
      if (left < this.#items.length && this.#before(this.#items[left]!, this.#items[first]!)) first = left;
      if (right < this.#items.length && this.#before(this.#items[right]!, this.#items[first]!)) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(a: number, b: number): void {
    const item = this.#items[a]!;
    this.#items[a] = this.#items[b]!;
    this.#items[b] = item;
    this.#set(this.#items[a], a);
    this.#set(item, b);
  }

  #set(item: T, place: number): void {
    (item as { [K in Slot]: number })[this.#slot] = place;
  }
}
