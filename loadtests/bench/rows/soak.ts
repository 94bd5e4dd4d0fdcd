import { startGateway } from '../gateway-process.ts';
import { keepLoading, type Request } from '../measure.ts';
import { chatRequest } from '../payloads.ts';
import { readMemoryKib } from '../proc.ts';
import { sleep } from '../processes.ts';
import { baseYaml, CLIENT_KEY, MODEL, routeYaml } from '../resources.ts';
import type { Plan, Row, Run } from '../row.ts';
import { writeConfig } from '../row.ts';
import { leastSquares } from '../statistics.ts';
import { startUpstream } from '../upstream.ts';

const CONNECTIONS = 32;
const REQUEST: Request = {
  path: '/v1/chat/completions',
  body: chatRequest(MODEL, 1_000),
  headers: { Authorization: `Bearer ${CLIENT_KEY}` },
};

/** Whether memory grows under a steady load. */
export const soakRow: Row = {
  name: 'soak',
  work: 'steady load: chat 1 KB, key auth, usage, access log',
  connections: CONNECTIONS,
  figures: [
    { key: 'minutes', text: '# minutes', digits: 1 },
    { key: 'rssSlope', text: 'RSS # KiB/min', digits: 0 },
    { key: 'rssSlopeError', text: '± #', digits: 0 },
    { key: 'oldSlope', text: 'old space of the heap # KiB/min', digits: 0 },
    { key: 'oldSlopeError', text: '± #', digits: 0 },
    { key: 'majorGcs', text: '# major GCs', digits: 0 },
  ],
  bar: 'slope 0 over several major GCs',
  once: true,
  run: (plan) => run(plan),
};

async function run(plan: Plan): Promise<Run> {
  const upstream = await startUpstream({ answer: 'chat', chunks: undefined, intervalMs: 0 });
  try {
    const gateway = await startGateway(writeConfig(plan, baseYaml(upstream.port, true) + routeYaml('chat', [MODEL])), plan.folder, true);
    try {
      const load = await keepLoading({ port: gateway.port, pid: undefined }, REQUEST, CONNECTIONS);
      // A heap finds its size in the first seconds: those are no slope.
      await sleep(Math.max(2, Math.min(20, plan.soakSeconds / 3)) * 1000);
      const rss: { x: number; y: number }[] = [];
      const old: { x: number; y: number }[] = [];
      const first = await heapOf(gateway.adminPort);
      let last = first;
      const since = performance.now();
      while (performance.now() - since < plan.soakSeconds * 1000) {
        const x = (performance.now() - since) / 60_000;
        rss.push({ x, y: readMemoryKib(gateway.pid).rss });
        last = await heapOf(gateway.adminPort);
        old.push({ x, y: last.oldKib });
        await sleep(500);
      }
      const result = await load.finish();
      const [rssLine, oldLine] = [leastSquares(rss), leastSquares(old)];
      return {
        minutes: plan.soakSeconds / 60,
        rps: result.requests / result.seconds,
        p50Ms: result.p50Ms,
        p99Ms: result.p99Ms,
        rssMib: (rss.at(-1)?.y ?? Number.NaN) / 1024,
        rssSlope: rssLine?.slope,
        rssSlopeError: rssLine?.error,
        oldSlope: oldLine?.slope,
        oldSlopeError: oldLine?.error,
        majorGcs: last.majorGcs - first.majorGcs,
        oldMinMib: Math.min(...old.map(({ y }) => y)) / 1024,
        oldMaxMib: Math.max(...old.map(({ y }) => y)) / 1024,
        errors: result.errors,
      };
    } finally {
      await gateway.stop();
    }
  } finally {
    await upstream.stop();
  }
}

/**
 * The old space, where what lives longer goes: its garbage stays until a major collection, of which a minute may see none. So a slope
 * without a major collection is the speed of promotion and no leak.
 */
async function heapOf(adminPort: number | undefined): Promise<{ oldKib: number; majorGcs: number }> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const old = /^nodejs_heap_space_size_used_bytes\{space="old"\} (\S+)/m.exec(text)?.[1];
  if (old === undefined) throw new Error('the admin port has no nodejs_heap_space_size_used_bytes of the old space');
  const majorGcs = /^nodejs_gc_duration_seconds_count\{kind="major"\} (\S+)/m.exec(text)?.[1];
  return { oldKib: Number(old) / 1024, majorGcs: Number(majorGcs ?? 0) };
}
