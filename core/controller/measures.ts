import { KubernetesError } from '../kubernetes/error.ts';
import type { Families, Metrics } from '../telemetry/metrics.ts';

/** What came of a write. */
export type WriteResult = 'ok' | 'conflict' | 'gone' | 'forbidden' | 'invalid' | 'unreachable' | 'failed';

/** How many kinds are watched, by the state of the watch. */
export type WatchStates = () => Iterable<string>;

const STATES = ['listing', 'synced', 'watching', 'failing', 'stopped', 'missing'] as const;

/** Counts what one controller does, once there are metrics to count it in. */
export class ControllerMeasures {
  readonly #controller: string;
  readonly #watches: WatchStates;
  #families: Families | undefined;
  #leading = false;

  /** @param controller its controllerName, as the label of every series */
  constructor(controller: string, watches: WatchStates) {
    this.#controller = controller;
    this.#watches = watches;
  }

  /** Counts in these from now on. */
  show(metrics: Metrics): void {
    const { families } = metrics;
    this.#families = families;
    // A counter that was never seen to be 0 has no rate.
    families.controllerWatchFailures.with(this.#controller);
    families.controllerPending.with(this.#controller).set(0);
    this.leads(this.#leading);
    metrics.onCollect(() => {
      const counts = new Map<string, number>(STATES.map((state) => [state, 0]));
      for (const state of this.#watches()) counts.set(state, (counts.get(state) ?? 0) + 1);
      for (const [state, count] of counts) families.controllerWatches.with(this.#controller, state).set(count);
    });
  }

  leads(leading: boolean): void {
    this.#leading = leading;
    this.#families?.controllerLeader.with(this.#controller).set(leading ? 1 : 0);
    if (!leading) this.pending(0);
  }

  /** @param durationMs from the look at the cluster to the last write */
  reconciled(durationMs: number): void {
    this.#families?.controllerReconcile.with(this.#controller).observe(durationMs / 1000);
  }

  /** @param writes that ought to be made and are not */
  pending(writes: number): void {
    this.#families?.controllerPending.with(this.#controller).set(writes);
  }

  /** @param kind of a resource that Tierkit knows: they are few */
  wrote(kind: string, result: WriteResult): void {
    this.#families?.controllerWrites.with(this.#controller, kind, result).inc();
  }

  watchFailed(): void {
    this.#families?.controllerWatchFailures.with(this.#controller).inc();
  }
}

export function resultOf(error: unknown): WriteResult {
  if (!(error instanceof KubernetesError)) return 'failed';
  if (error.conflict) return 'conflict';
  if (error.notFound) return 'gone';
  if (error.status === 403) return 'forbidden';
  if (error.status === 422 || error.status === 400) return 'invalid';
  return error.unreachable ? 'unreachable' : 'failed';
}
