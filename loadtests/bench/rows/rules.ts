import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startGateway } from '../gateway-process.ts';
import { keepLoading } from '../measure.ts';
import { chatRequest } from '../payloads.ts';
import { readMemoryKib } from '../proc.ts';
import { sleep } from '../processes.ts';
import { baseYaml, CLIENT_KEY, manyRoutesYaml, MODEL, routeYaml, RULES_PER_ROUTE } from '../resources.ts';
import type { Plan, Row, Run } from '../row.ts';
import { writeConfig } from '../row.ts';
import { median } from '../statistics.ts';
import { startUpstream } from '../upstream.ts';
import { CHUNKS, INTERVAL_MS, PACED_STREAMS, STREAM_REQUEST } from './streams.ts';

export const ROUTES = 1_400;
const LIVE_CHANGES = 3;
const LIVE_WITHIN_MS = 30_000;
const EVENTS = CHUNKS + 4;

/** Many rules: the start, and a change while streams run. */
export const rulesRow: Row = {
  name: 'rules-20k',
  work: `${(ROUTES * RULES_PER_ROUTE).toLocaleString('en')} route rules (${ROUTES.toLocaleString('en')} AIGatewayRoutes); changes under ${PACED_STREAMS} paced streams`,
  connections: PACED_STREAMS,
  figures: [
    { key: 'startMs', text: 'ready after # ms', digits: 0 },
    { key: 'smallStartMs', text: 'with one rule # ms', digits: 0 },
    { key: 'liveMs', text: 'change of a small file live after # ms', digits: 0 },
    { key: 'liveBigMs', text: 'of the file with all rules # ms', digits: 0 },
    { key: 'truncated', text: '# streams cut', digits: 0 },
    { key: 'lost', text: '# frames lost', digits: 0 },
    { key: 'gapMaxMs', text: 'longest gap in a stream # ms', digits: 0 },
  ],
  bar: 'ready ≤ 2 s; live ≤ 200 ms; 0 cut',
  run: (plan) => run(plan),
};

async function run(plan: Plan): Promise<Run> {
  const upstream = await startUpstream({ answer: 'chat', chunks: CHUNKS, intervalMs: INTERVAL_MS });
  try {
    const base = baseYaml(upstream.port, true) + routeYaml('chat', [MODEL]);
    const small = await startGateway(writeConfig(plan, base), plan.folder, true);
    await small.stop();

    const folder = mkdtempSync(join(plan.folder, 'rules-'));
    writeFileSync(join(folder, 'base.yaml'), base);
    writeFileSync(join(folder, 'many.yaml'), manyRoutesYaml(plan.routes));
    writeFileSync(join(folder, 'changed.yaml'), routeYaml('changed', ['changed-0']));
    const gateway = await startGateway(folder, plan.folder, true);
    try {
      const load = await keepLoading({ port: gateway.port, pid: undefined }, STREAM_REQUEST, PACED_STREAMS, {
        expectedEvents: EVENTS,
        openOverMs: (CHUNKS * INTERVAL_MS) / 2,
      });
      await sleep(2_000);
      const live: number[] = [];
      for (let change = 1; change <= LIVE_CHANGES; change++) {
        const model = `changed-${change}`;
        live.push(await liveAfter(plan, join(folder, 'changed.yaml'), routeYaml('changed', [model]), gateway.port, model));
        await sleep(1_000);
      }
      const edit = { from: `model-${plan.routes >> 1}-7`, to: 'changed-in-many' };
      const liveBigMs = await liveAfter(plan, join(folder, 'many.yaml'), manyRoutesYaml(plan.routes, edit), gateway.port, edit.to);
      await sleep(2_000);
      const { rss } = readMemoryKib(gateway.pid);
      const result = await load.finish();
      return {
        startMs: gateway.readyMs,
        smallStartMs: small.readyMs,
        liveMs: median(live),
        liveBigMs,
        rssMib: rss / 1024,
        lost: result.lost,
        truncated: result.truncated,
        gapMaxMs: result.gapMaxMs,
        streams: result.requests,
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
 * Replaces a file as editors and deployments do, by renaming, and asks for the new model until it is there.
 * @returns ms from the renaming to the first answer with 200
 */
async function liveAfter(plan: Plan, file: string, yaml: string, port: number, model: string): Promise<number> {
  const before = await status(port, model);
  if (before === 200) throw new Error(`the model "${model}" was there before the change`);
  const next = join(plan.folder, 'next.yaml');
  writeFileSync(next, yaml);
  renameSync(next, file);
  const since = performance.now();
  while (performance.now() - since < LIVE_WITHIN_MS) {
    if ((await status(port, model)) === 200) return performance.now() - since;
    await sleep(2);
  }
  throw new Error(`the change of ${file} was not live after ${LIVE_WITHIN_MS} ms`);
}

async function status(port: number, model: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${CLIENT_KEY}` },
    body: chatRequest(model, 300),
  });
  await answer.arrayBuffer();
  return answer.status;
}
