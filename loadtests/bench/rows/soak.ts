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
    { key: 'heapSlope', text: 'heap # KiB/min', digits: 0 },
    { key: 'heapSlopeError', text: '± #', digits: 0 },
  ],
  bar: 'slope 0 (within twice its error)',
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
      const heap: { x: number; y: number }[] = [];
      const since = performance.now();
      while (performance.now() - since < plan.soakSeconds * 1000) {
        const x = (performance.now() - since) / 60_000;
        rss.push({ x, y: readMemoryKib(gateway.pid).rss });
        heap.push({ x, y: await heapKib(gateway.adminPort) });
        await sleep(500);
      }
      const result = await load.finish();
      const [rssLine, heapLine] = [leastSquares(rss), leastSquares(heap)];
      return {
        minutes: plan.soakSeconds / 60,
        rps: result.requests / result.seconds,
        p50Ms: result.p50Ms,
        p99Ms: result.p99Ms,
        rssMib: (rss.at(-1)?.y ?? Number.NaN) / 1024,
        rssSlope: rssLine?.slope,
        rssSlopeError: rssLine?.error,
        heapSlope: heapLine?.slope,
        heapSlopeError: heapLine?.error,
        heapMinMib: Math.min(...heap.map(({ y }) => y)) / 1024,
        heapMaxMib: Math.max(...heap.map(({ y }) => y)) / 1024,
        errors: result.errors,
      };
    } finally {
      await gateway.stop();
    }
  } finally {
    await upstream.stop();
  }
}

async function heapKib(adminPort: number | undefined): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const used = /^nodejs_heap_size_used_bytes (\S+)/m.exec(text)?.[1];
  if (used === undefined) throw new Error('the admin port has no nodejs_heap_size_used_bytes');
  return Number(used) / 1024;
}
