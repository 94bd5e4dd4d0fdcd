import type { Report } from './events.ts';
import { type ProcessSpec, SupervisedProcess, type SupervisorSettings } from './process.ts';

/** Processes that are started together, when those of the stage before are ready. */
export type Stage = readonly ProcessSpec[];

/** The processes of a platform. They start in stages, and stop in the reverse order. */
export class LocalPlatform {
  /** Why it cannot go on. */
  readonly failed: Promise<string>;
  readonly #stages: readonly (readonly SupervisedProcess[])[];
  #stopping = false;

  constructor(stages: readonly Stage[], settings: SupervisorSettings, report: Report) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.failed = promise;
    this.#stages = stages.map((stage) => stage.map((spec) => new SupervisedProcess(spec, settings, report, resolve)));
  }

  /** @returns true when all are ready; false when it was stopped before, or one of them gave up: then `failed` says why */
  async start(): Promise<boolean> {
    for (const stage of this.#stages) {
      if (this.#stopping) return false;
      for (const process of stage) process.start();
      const ready = await Promise.all(stage.map((process) => process.ready));
      if (ready.includes(false)) return false;
    }
    return !this.#stopping;
  }

  /** Each stage stops when the one that sends it requests has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stage of this.#stages.toReversed()) await Promise.all(stage.map((process) => process.stop()));
  }

  /** Ends all at once. */
  kill(): void {
    this.#stopping = true;
    for (const process of this.#stages.flat()) process.kill();
  }
}
