import type { Picked } from '#core/attempt/call';
import { MOST_CANDIDATES, type PassSource, type PoolPass } from '#core/telemetry/trace/record';

import type { PodPicking } from './pick/pod-picking.ts';

/** When a request came to a pool and had its endpoint there; the rest is looked up where somebody wants to see it. */
export class TracedPick implements PassSource {
  readonly #picking: PodPicking;
  readonly #requestId: string;
  readonly #startedAt = performance.now();
  #endedAt: number | undefined;
  #failure: string | undefined;

  constructor(picking: PodPicking, requestId: string) {
    this.#picking = picking;
    this.#requestId = requestId;
  }

  /** Hears of the first endpoint. */
  watch(picked: Promise<Picked | 'exhausted'>): void {
    picked.then(
      () => (this.#endedAt = performance.now()),
      (error: unknown) => {
        this.#endedAt = performance.now();
        this.#failure = error instanceof Error ? error.message : 'failed';
      },
    );
  }

  view(at: (perf: number) => number, endedAt: number): PoolPass {
    const { pool, waitedMs, ranked, member } = this.#picking;
    return {
      pool: pool.name,
      startMs: at(this.#startedAt),
      endMs: at(this.#endedAt ?? endedAt),
      queueMs: this.#endedAt === undefined ? endedAt - this.#startedAt : waitedMs,
      failure: this.#failure,
      candidates: ranked
        .slice(0, MOST_CANDIDATES)
        .map(({ id, score, estTtftMs, matchedTokens }) => ({ id, score, estTtftMs, matchedTokens })),
      candidateCount: ranked.length,
      pod: member?.endpoint.pod,
      endpoint: member?.endpoint.id,
      reason: pool.service.picker.explain(this.#requestId)?.reason,
    };
  }
}
