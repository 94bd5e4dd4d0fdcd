/** Room for the text of one answer. */
class Room {
  #left: number;
  readonly #most: number;
  truncated = false;

  constructor(most: number) {
    this.#left = most;
    this.#most = most;
  }

  get used(): number {
    return this.#most - this.#left;
  }

  /** As much of a text as there is room for. */
  take(text: string): string {
    if (text.length <= this.#left) {
      this.#left -= text.length;
      return text;
    }
    const taken = text.slice(0, this.#left);
    this.#left = 0;
    this.truncated = true;
    return taken;
  }
}

/** What accumulators of streams have in common: they keep so much of an answer, and nothing where content is hidden. */
export abstract class Bounded {
  protected readonly content: boolean;
  protected readonly room: Room;

  constructor(content: boolean, most: number) {
    this.content = content;
    this.room = new Room(most);
  }

  get size(): number {
    return this.room.used;
  }

  get truncated(): boolean {
    return this.room.truncated;
  }
}

/** Numbered parts that come in any order; higher numbers than these are a fault of the server. */
const MOST_PARTS = 128;

/** The part with a number, made where it is new; undefined: there are too many. */
export function part<T>(parts: Map<number, T>, index: unknown, make: () => T): T | undefined {
  const number = typeof index === 'number' ? index : 0;
  let found = parts.get(number);
  if (found !== undefined || parts.size >= MOST_PARTS) return found;
  found = make();
  parts.set(number, found);
  return found;
}

/** The parts in the order of their numbers. */
export function inOrder<T>(parts: ReadonlyMap<number, T>): [number, T][] {
  return [...parts].sort(([one], [other]) => one - other);
}
