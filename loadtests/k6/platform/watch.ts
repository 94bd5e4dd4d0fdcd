import { clockTicks, readCpuTicks, readMemoryKib } from '../../bench/proc.ts';

/** Memory and CPU time of a process at one moment. */
export interface Sample {
  /** From the start of the watch, in seconds. */
  readonly atS: number;
  readonly rssMib: number;
  /** Since the process began. */
  readonly cpuS: number;
}

export type Samples = Readonly<Record<string, readonly Sample[]>>;

/** Looks at processes of this machine once a second, from /proc: on Linux. Elsewhere it sees nothing. */
export class Watch {
  readonly #samples: Record<string, Sample[]> = {};
  readonly #pids: ReadonlyMap<string, number>;
  readonly #from = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #ticks: number;

  constructor(pids: ReadonlyMap<string, number>, everyMs: number) {
    this.#pids = pids;
    this.#ticks = process.platform === 'linux' ? clockTicks() : 0;
    this.#look();
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  stop(): Samples {
    clearInterval(this.#timer);
    this.#look();
    return this.#samples;
  }

  #look(): void {
    if (this.#ticks === 0) return;
    const atS = (performance.now() - this.#from) / 1000;
    for (const [name, pid] of this.#pids) {
      try {
        const sample = { atS, rssMib: readMemoryKib(pid).rss / 1024, cpuS: readCpuTicks(pid) / this.#ticks };
        (this.#samples[name] ??= []).push(sample);
      } catch {
        // It has ended: what is known stays.
      }
    }
  }
}
