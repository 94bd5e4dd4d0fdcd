/**
 * Something that work asks or does. Done again, it says whether it comes out as it did before: whoever did nothing else, and had the same
 * answers to all of it, would do the same again.
 */
export interface Step<K = unknown, V = unknown> {
  /** Does it again. @param before what came of it @returns whether that comes of it now */
  again(key: K, before: V): boolean;
}

/** Steps of one piece of work in their order, each with its key and what came of it: flat, as there are many. */
type Steps = readonly unknown[];

/** Notes the steps of the work in hand. */
export class Recorder {
  #steps: unknown[] | undefined;

  note<K, V>(step: Step<K, V>, key: K, value: V): void {
    this.#steps?.push(step, key, value);
  }

  /** Does work, and notes its steps apart from those of the work that it is a part of. */
  run<V>(work: () => V): { readonly value: V; readonly steps: Steps } {
    const outer = this.#steps;
    const steps: unknown[] = [];
    this.#steps = steps;
    try {
      const value = work();
      return { value, steps };
    } finally {
      this.#steps = outer;
    }
  }
}

/** Whether work would come out as before. Steps up to the first that does not are done again as the work itself would do them. */
function comesOutTheSame(steps: Steps): boolean {
  for (let at = 0; at < steps.length; at += 3) if (!(steps[at] as Step).again(steps[at + 1], steps[at + 2])) return false;
  return true;
}

/** A look-up: a step that changes nothing. */
export class Reading<K, V> implements Step<K, V> {
  /** What is looked up in; of the configuration that is being compiled. */
  get: (key: K) => V;
  /** Whether everything is as it was when the remembered work was done. */
  unchanged = false;
  readonly #recorder: Recorder;
  readonly #same: (one: V, other: V) => boolean;

  constructor(recorder: Recorder, get: (key: K) => V, same: (one: V, other: V) => boolean = Object.is) {
    this.#recorder = recorder;
    this.get = get;
    this.#same = same;
  }

  ask(key: K): V {
    const value = this.get(key);
    this.#recorder.note(this, key, value);
    return value;
  }

  /** Notes an answer that was given already. */
  note(key: K, value: V): void {
    this.#recorder.note(this, key, value);
  }

  again(key: K, before: V): boolean {
    return this.unchanged || this.#same(this.get(key), before);
  }
}

interface Entry<V> {
  readonly guard: unknown;
  readonly value: V;
  readonly steps: Steps;
}

/** Work that is remembered from one configuration to the next, by key. */
export class Remembered<K, V> implements Step<K, V> {
  readonly #recorder: Recorder;
  /** Of the configuration in service. */
  #before: ReadonlyMap<K, Entry<V>> = new Map();
  #now = new Map<K, Entry<V>>();

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** Begins a configuration. @param before what another one was made of */
  begin(before: ReadonlyMap<unknown, unknown>): void {
    this.#before = before as ReadonlyMap<K, Entry<V>>;
    this.#now = new Map();
  }

  /** What this configuration is made of, for {@link begin} of another one. */
  get entries(): ReadonlyMap<unknown, unknown> {
    return this.#now;
  }

  /**
   * What comes of work; done once in a configuration, and not at all where it would come out as before.
   * @param guard what the work is about: for another one it is done anew
   */
  of(key: K, guard: unknown, work: () => V): V {
    let entry = this.#now.get(key);
    if (entry === undefined) {
      const before = this.#before.get(key);
      entry = before !== undefined && before.guard === guard && comesOutTheSame(before.steps) ? before : undefined;
      if (entry === undefined) entry = { guard, ...this.#recorder.run(work) };
      this.#now.set(key, entry);
    }
    this.#recorder.note(this, key, entry.value);
    return entry.value;
  }

  again(key: K, value: V): boolean {
    let entry = this.#now.get(key);
    if (entry === undefined) {
      entry = this.#before.get(key);
      if (entry === undefined || entry.value !== value || !comesOutTheSame(entry.steps)) return false;
      this.#now.set(key, entry);
    }
    return entry.value === value;
  }
}
