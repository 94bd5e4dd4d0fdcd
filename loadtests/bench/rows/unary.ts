import type { LoadResult } from '../load.ts';
import { ticksToUs } from '../measure.ts';
import type { Figure, Run } from '../row.ts';

const ADDED: Figure = { key: 'addedP50Ms', text: 'added p50 # ms', digits: 3 };
const DIRECT: Figure = { key: 'directP50Ms', text: 'direct p50 # ms', digits: 3 };

type Result = Pick<LoadResult, 'requests' | 'seconds' | 'p50Ms' | 'p99Ms' | 'cpuTicks' | 'rssKib' | 'othersShare' | 'errors'>;

/** Figures that a row of requests with one answer each has in the table beside those of all. */
export function figuresAt(connections: number): readonly Figure[] {
  return connections === 1 ? [ADDED, DIRECT] : [];
}

/** What came of such a load, through what is measured and directly. */
export function unaryRun(result: Result, direct: Pick<Result, 'requests' | 'seconds' | 'p50Ms'>, connections: number): Run {
  const rps = result.requests / result.seconds;
  const directRps = direct.requests / direct.seconds;
  return {
    rps,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuUs: result.cpuTicks === undefined ? undefined : ticksToUs(result.cpuTicks) / result.requests,
    rssMib: result.rssKib === undefined ? undefined : result.rssKib / 1024,
    // With one connection the mock waits for the gateway most of the time: a ratio would say nothing.
    headroom: connections === 1 ? undefined : directRps / rps,
    directRps,
    directP50Ms: direct.p50Ms,
    addedP50Ms: result.p50Ms === undefined || direct.p50Ms === undefined ? undefined : result.p50Ms - direct.p50Ms,
    othersShare: result.othersShare,
    errors: result.errors,
  };
}
