import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

import type { Result } from './results.ts';
import type { WorkloadSize } from './workload.ts';

/** One run, by the names of workload and policy. */
export interface Job extends WorkloadSize {
  readonly workload: string;
  readonly policy: string;
  readonly seed: number;
}

/** Runs jobs on all cores, in the order in which they come. A run does not know of the others, so their number changes no result. */
export class Workers {
  readonly #idle: Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  readonly #all: readonly Worker[];

  /** @param jobs how many there will be at most */
  constructor(jobs: number) {
    const count = Math.max(1, Math.min(jobs, availableParallelism()));
    this.#all = Array.from({ length: count }, () => new Worker(new URL('./worker.ts', import.meta.url)));
    this.#idle = [...this.#all];
  }

  /** @throws what the run throws */
  async run(job: Job): Promise<Result> {
    const worker = this.#idle.shift() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window's
    worker.postMessage(job);
    // A worker that throws is gone, and so is the whole command.
    const [result] = (await once(worker, 'message')) as [Result];
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
    return result;
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }
}
