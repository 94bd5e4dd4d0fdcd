import { type Admission, FlowControl, type FlowOptions, type FlowOutcome, type FlowRequest } from './flow-control.ts';

/** A clock that moves when it is told to, with its timers and the turns of its event loop. */
export class TestClock {
  now = 1000;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  #turns: (() => void)[] = [];

  readonly setTimer = (callback: () => void, ms: number): (() => void) => {
    const timer = { at: this.now + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  readonly nextTurn = (callback: () => void): void => void this.#turns.push(callback);

  get timers(): number {
    return this.#timers.size;
  }

  /** Runs the timers that are due up to then, each at its time. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.now = Math.max(this.now, due.at);
      due.callback();
    }
    this.now = end;
  }

  /** One turn of the event loop. @returns whether there was something to do */
  turn(): boolean {
    const turns = this.#turns;
    this.#turns = [];
    for (const callback of turns) callback();
    return turns.length > 0;
  }

  turns(): void {
    while (this.turn());
  }
}

/** Lets promises that are settled call back. */
export const settle = (): Promise<void> => new Promise((done) => setImmediate(done));

export interface Entered {
  readonly id: string;
  admission: Admission | undefined;
  error: unknown;
}

/** Flow control on a test clock, and what became of each request. */
export function flowRig(options: Partial<FlowOptions> = {}) {
  const clock = new TestClock();
  const outcomes: FlowOutcome[] = [];
  const admitted: string[] = [];
  const control = new FlowControl({
    now: () => clock.now,
    setTimer: clock.setTimer,
    nextTurn: clock.nextTurn,
    saturation: () => 0,
    endpoints: () => 1,
    ...options,
    onOutcome: (outcome) => {
      outcomes.push(outcome);
      if (outcome.result === 'admitted') admitted.push(outcome.id);
      options.onOutcome?.(outcome);
    },
  });
  let count = 0;
  const enter = (request: Partial<FlowRequest> = {}): Entered => {
    const entered: Entered = { id: request.id ?? `r${count}`, admission: undefined, error: undefined };
    count++;
    control.enter({ flow: 'f', priority: 0, tokens: 10, bytes: 100, ...request, id: entered.id }).then(
      (admission) => (entered.admission = admission),
      (error: unknown) => (entered.error = error),
    );
    return entered;
  };
  return { clock, control, enter, outcomes, admitted };
}
