import { startGateway } from '../gateway-process.ts';
import { keepLoading, measure, type Request, ticksToUs } from '../measure.ts';
import { chatRequest } from '../payloads.ts';
import { readMemoryKib } from '../proc.ts';
import { sleep } from '../processes.ts';
import { baseYaml, CLIENT_KEY, MODEL, routeYaml } from '../resources.ts';
import type { Plan, Row, Run } from '../row.ts';
import { writeConfig } from '../row.ts';
import { startUpstream } from '../upstream.ts';

export const CHUNKS = 50;
export const INTERVAL_MS = 20;
export const PACED_STREAMS = 200;
const IDLE_STREAMS = 1_000;

export const STREAM_REQUEST: Request = {
  path: '/v1/chat/completions',
  body: chatRequest(MODEL, 1_000, true),
  headers: { Authorization: `Bearer ${CLIENT_KEY}` },
};

const LOST = [
  { key: 'lost', text: '# frames lost', digits: 0 },
  { key: 'truncated', text: '# streams cut', digits: 0 },
] as const;

/** Answers as server-sent events. wrk cannot see into them: the client of this folder makes the load. */
export const streamRows: readonly Row[] = [
  {
    name: 'stream-32',
    work: `stream of ${CHUNKS} chunks, back to back, full configuration`,
    connections: 32,
    figures: [{ key: 'chunkUs', text: '# µs a chunk', digits: 1 }, ...LOST],
    bar: '≤ 500 µs a stream',
    run: (plan) => backToBack(plan),
  },
  {
    name: 'paced-200',
    work: `streams of ${CHUNKS} chunks, ${INTERVAL_MS} ms apart, full configuration`,
    connections: PACED_STREAMS,
    figures: [
      { key: 'chunkUs', text: '# µs a chunk', digits: 1 },
      ...LOST,
      { key: 'addedFirstP50Ms', text: 'added first token p50 # ms', digits: 1 },
      { key: 'addedFirstP99Ms', text: 'p99 # ms', digits: 1 },
      { key: 'addedGapP99Ms', text: 'added gap p99 # ms', digits: 1 },
      { key: 'pace', text: '# of the mock’s own pace', digits: 3 },
    ],
    bar: '≤ 60 µs a chunk, 0 frames lost',
    run: (plan) => paced(plan),
  },
  {
    name: 'idle-1000',
    work: 'streams open, the first content has come, no more comes',
    connections: IDLE_STREAMS,
    figures: [
      { key: 'rssBeforeMib', text: '# MiB before', digits: 0 },
      { key: 'kibAStream', text: '# KiB a stream', digits: 0 },
    ],
    bar: '≤ 250 MiB',
    run: (plan) => idle(plan),
  },
];

async function withGateway<T>(
  plan: Plan,
  chunks: number,
  intervalMs: number,
  work: (gateway: { pid: number; port: number }, upstreamPort: number) => Promise<T>,
): Promise<T> {
  const upstream = await startUpstream({ answer: 'chat', chunks, intervalMs });
  try {
    const gateway = await startGateway(writeConfig(plan, baseYaml(upstream.port, true) + routeYaml('chat', [MODEL])), plan.folder, true);
    try {
      return await work(gateway, upstream.port);
    } finally {
      await gateway.stop();
    }
  } finally {
    await upstream.stop();
  }
}

function backToBack(plan: Plan): Promise<Run> {
  return withGateway(plan, CHUNKS, 0, async (gateway, upstreamPort) => {
    const direct = await measure({ port: upstreamPort, pid: undefined }, STREAM_REQUEST, 32, {
      warmupSeconds: 1,
      seconds: plan.directSeconds,
    });
    const result = await measure(gateway, STREAM_REQUEST, 32, plan, { expectedEvents: direct.eventsOfStream });
    const cpuUs = ticksToUs(result.cpuTicks ?? Number.NaN);
    const rps = result.requests / result.seconds;
    const directRps = direct.requests / direct.seconds;
    return {
      rps,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      cpuUs: cpuUs / result.requests,
      chunkUs: cpuUs / result.events,
      rssMib: (result.rssKib ?? Number.NaN) / 1024,
      headroom: directRps / rps,
      directRps,
      lost: result.lost,
      truncated: result.truncated,
      othersShare: result.othersShare,
      errors: result.errors,
    };
  });
}

function paced(plan: Plan): Promise<Run> {
  return withGateway(plan, CHUNKS, INTERVAL_MS, async (gateway, upstreamPort) => {
    const openOverMs = (CHUNKS * INTERVAL_MS) / 2;
    // A stream takes a second: shorter times would see none from its beginning to its end.
    const times = { warmupSeconds: Math.max(2, plan.warmupSeconds), seconds: Math.max(3, plan.seconds) };
    const directTimes = { warmupSeconds: 2, seconds: Math.max(2, plan.directSeconds) };
    const direct = await measure({ port: upstreamPort, pid: undefined }, STREAM_REQUEST, PACED_STREAMS, directTimes, { openOverMs });
    const expectedEvents = direct.eventsOfStream;
    const result = await measure(gateway, STREAM_REQUEST, PACED_STREAMS, times, { openOverMs, expectedEvents });
    const cpuUs = ticksToUs(result.cpuTicks ?? Number.NaN);
    return {
      rps: result.requests / result.seconds,
      p50Ms: result.p50Ms,
      p99Ms: result.p99Ms,
      cpuUs: cpuUs / result.requests,
      chunkUs: cpuUs / result.events,
      rssMib: (result.rssKib ?? Number.NaN) / 1024,
      lost: result.lost,
      truncated: result.truncated,
      pace: result.events / result.seconds / (direct.events / direct.seconds),
      addedFirstP50Ms: added(result.firstP50Ms, direct.firstP50Ms),
      addedFirstP99Ms: added(result.firstP99Ms, direct.firstP99Ms),
      addedGapP99Ms: added(result.gapP99Ms, direct.gapP99Ms),
      gapMaxMs: result.gapMaxMs,
      othersShare: result.othersShare,
      errors: result.errors,
    };
  });
}

function idle(plan: Plan): Promise<Run> {
  const never = 3_600_000;
  return withGateway(plan, 2, never, async (gateway) => {
    const before = readMemoryKib(gateway.pid);
    const load = await keepLoading({ port: gateway.port, pid: undefined }, STREAM_REQUEST, IDLE_STREAMS, { openOverMs: 1_000 });
    await sleep(3_000);
    const { rss } = readMemoryKib(gateway.pid);
    await load.abort();
    return { rssMib: rss / 1024, rssBeforeMib: before.rss / 1024, kibAStream: (rss - before.rss) / IDLE_STREAMS };
  });
}

function added(through: number | undefined, direct: number | undefined): number | undefined {
  return through === undefined || direct === undefined ? undefined : through - direct;
}
