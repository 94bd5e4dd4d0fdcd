import { formatProblem, InvalidResources, type Problem } from '../resources/problem.ts';
import { atOnce, type Sliced } from '../resources/slices.ts';

import type { RefreshState } from '../providers/credentials/refreshed.ts';
import type { CredentialMeasure } from '../providers/credentials/shared-credentials.ts';
import { type Compiled, compiling, newShared, type Shared } from '../route/compile.ts';
import { remember } from '../route/remember.ts';
import type { Pools } from '../route/scope.ts';
import type { Snapshot } from './snapshot.ts';
import type { ResourceSource } from './source.ts';

/** A configuration that could be served, and is not yet. */
export interface Candidate {
  readonly snapshot: Snapshot;
  readonly ignored: readonly string[];
  readonly compiled: Compiled;
}

/** The requests of one configuration, and what only they still use. */
interface Holders {
  requests: number;
  readonly disposals: (() => void)[];
}

/** The configuration in service, and how the next one takes its place: at once for new requests, never for those under way. */
export class Configuration {
  readonly #source: ResourceSource;
  readonly #shared: Shared;
  #current: Snapshot | undefined;
  #ignored: readonly string[] = [];
  #holders: Holders = { requests: 0, disposals: [] };
  /** Configurations with requests under way, the oldest first; the last is the one in service. */
  readonly #held: Holders[] = [this.#holders];

  constructor(source: ResourceSource, warn: (message: string) => void, pools?: Pools) {
    this.#source = source;
    this.#shared = newShared(warn, pools);
  }

  /** @throws Error before the first load */
  get current(): Snapshot {
    if (this.#current === undefined) throw new Error('no configuration is loaded');
    return this.#current;
  }

  /** What was read and changes nothing here. */
  get ignored(): readonly string[] {
    return this.#ignored;
  }

  /** How it is with the credentials that are fetched. */
  get credentials(): readonly RefreshState[] {
    return this.#shared.credentials.states();
  }

  /** The same for metrics. */
  get credentialMeasures(): readonly CredentialMeasure[] {
    const { credentials, exchanges } = this.#shared;
    return [...credentials.measures(), ...exchanges.measures()];
  }

  /**
   * Loads the sources and takes them into service. The same texts as before change nothing.
   * @returns whether a new configuration is in service
   * @throws InvalidResources with every problem; then nothing has changed
   */
  load(): boolean {
    const candidate = this.prepare();
    if (candidate !== undefined) this.take(candidate);
    return candidate !== undefined;
  }

  /**
   * Loads the sources. {@link take} or {@link drop} has to follow before the next call.
   * @returns undefined when the texts are those that are in service
   * @throws InvalidResources with every problem; then nothing has changed
   */
  prepare(): Candidate | undefined {
    return atOnce(this.preparing());
  }

  /**
   * As {@link prepare}, in slices; the configuration in service is untouched meanwhile.
   * @param before of the last call, and neither taken nor dropped: it is gone on from there, with what can be loaded by now
   */
  *preparing(before?: Candidate): Sliced<Candidate | undefined> {
    try {
      return yield* this.#preparing(before);
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  *#preparing(before: Candidate | undefined): Sliced<Candidate | undefined> {
    const source = this.#source;
    const loaded = source.loading === undefined ? source.load() : yield* source.loading();
    const options = this.#source.compile;
    // In a cluster what is wrong is left out, and told.
    const serves = (problems: number): boolean => problems === 0 || options.inCluster === true;
    if (serves(loaded.problems.length) && loaded.hash === this.#current?.hash) {
      if (before !== undefined) this.drop();
      return undefined;
    }
    const { connections, credentials, exchanges, backends, identify, pools } = this.#shared;
    pools?.begin();
    connections.kept.begin();
    credentials.kept.begin();
    exchanges.kept.begin();
    backends.begin();
    identify.begin();
    const compiled = yield* compiling(loaded, this.#shared, options, before?.compiled.memory ?? this.#shared.memory);
    const problems = [...loaded.problems, ...compiled.problems];
    if (!serves(problems.length)) throw new InvalidResources(problems);
    const generation = (this.#current?.generation ?? 0) + 1;
    const { ports, money, traceRules } = compiled;
    const notices = [...compiled.notices, ...problems.map(lineOf)];
    return {
      compiled,
      snapshot: { generation, hash: loaded.hash, ports, notices, money, traceRules, loadedAt: Date.now() },
      ignored: loaded.ignored,
    };
  }

  /** Takes what was prepared into service. */
  take({ snapshot, ignored, compiled }: Candidate): void {
    const { connections, credentials, exchanges, backends, identify, pools } = this.#shared;
    this.#current = snapshot;
    this.#shared.memory = compiled.memory;
    this.#ignored = ignored;
    const before = this.#holders;
    this.#holders = { requests: 0, disposals: [] };
    this.#held.push(this.#holders);
    // A request of the old configuration may not have called its backend yet: the connections have to be there when it does.
    connections.kept.commit((dispose) => void before.disposals.push(dispose));
    credentials.kept.commit((dispose) => void before.disposals.push(dispose));
    exchanges.kept.commit((dispose) => void before.disposals.push(dispose));
    // Not before: a configuration that is refused asks nobody for anything.
    credentials.start();
    pools?.commit((dispose) => void before.disposals.push(dispose));
    backends.commit();
    identify.retire();
    this.#dispose();
  }

  /** Forgets what was prepared. */
  drop(): void {
    this.#shared.connections.kept.rollback();
    this.#shared.credentials.kept.rollback();
    this.#shared.exchanges.kept.rollback();
    this.#shared.backends.rollback();
    this.#shared.pools?.rollback();
  }

  /** Holds what the configuration in service is made of, for a request that begins now. @returns to be called once, at its end */
  hold(): () => void {
    const holders = this.#holders;
    holders.requests++;
    return () => {
      holders.requests--;
      if (holders !== this.#holders) this.#dispose();
    };
  }

  async close(): Promise<void> {
    for (const { disposals } of this.#held) for (const dispose of disposals.splice(0)) dispose();
    this.#shared.credentials.close();
    this.#shared.exchanges.close();
    await this.#shared.pools?.close();
    await this.#shared.connections.destroy();
  }

  /** What a configuration left behind, those before it may use as well: it goes when all of them have ended. */
  #dispose(): void {
    while (this.#held.length > 1 && this.#held[0]!.requests === 0) for (const dispose of this.#held.shift()!.disposals) dispose();
  }
}

/** Problems that are remembered are not written out again. */
const LINES = new WeakMap<Problem, string>();

function lineOf(problem: Problem): string {
  return remember(LINES, problem, () => formatProblem(problem));
}
