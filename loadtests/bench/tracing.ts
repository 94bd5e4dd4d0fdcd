// What traces cost: CPU of the gateway for a request of 1 KB with an answer of 1 KB, and the longest pause that bodies of 1 MB make.
//   node loadtests/bench/tracing.ts [REQUESTS] [ROUNDS]
// ROUNDS 0: the pauses only.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { openTracing } from '#core/telemetry/trace/open';
import { recordOf } from '#core/telemetry/trace/record.fixture';
import { Pool } from 'undici';

import { clockTicks, readCpuTicks } from './proc.ts';

const CLI = fileURLToPath(new URL('../../cli/tierkit.js', import.meta.url));
const [REQUESTS = 5000, ROUNDS = 7] = process.argv.slice(2).map(Number);
const PARALLEL = 16;

const TEXT = 'What a gateway says of a request is what somebody will want to know. '.repeat(13);
const BODY = JSON.stringify({ model: 'm', temperature: 0.5, messages: [{ role: 'user', content: TEXT }] });
const ANSWER = JSON.stringify({
  id: 'c1',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 200, completion_tokens: 200, total_tokens: 400 },
});

const SHOWN = { OPENINFERENCE_HIDE_INPUTS: 'false', OPENINFERENCE_HIDE_OUTPUTS: 'false' };
const RATIO = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' };

let spansSeen = 0;
const upstream = await listen((_, response) =>
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(ANSWER) }).end(ANSWER),
);
const sink = await listen((request, response) => {
  request.on('data', (data: Buffer) => (spansSeen += data.length));
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
const OTLP = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}` };

const MODES: readonly (readonly [name: string, env: Record<string, string>])[] = [
  ['off', {}],
  ['1 %', { ...OTLP, ...RATIO }],
  ['1 % with content', { ...OTLP, ...RATIO, ...SHOWN }],
  ['100 %', OTLP],
  ['100 % with content', { ...OTLP, ...SHOWN }],
];

const folder = mkdtempSync(join(tmpdir(), 'tracing-bench-'));
const gateways = await Promise.all((ROUNDS > 0 ? MODES : []).map(([name, env]) => startGateway(name, env)));
const costs = gateways.map((): number[] => []);
const perTick = 1e6 / clockTicks();
for (let round = -1; round < ROUNDS; round++) {
  for (const [index, { pool, child }] of gateways.entries()) {
    const before = readCpuTicks(child.pid!);
    await load(pool);
    // What waits to be exported belongs to the requests.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    if (round >= 0) costs[index]!.push(((readCpuTicks(child.pid!) - before) * perTick) / REQUESTS);
  }
}
const base = median(costs[0] ?? []);
if (ROUNDS > 0)
  console.log(`${REQUESTS} requests of ${BODY.length} bytes, ${PARALLEL} at a time, ${ROUNDS} rounds; medians of CPU (range)`);
for (const [index, [name]] of MODES.entries()) {
  const all = costs[index] ?? [];
  if (all.length === 0) continue;
  const range = `${Math.min(...all).toFixed(0)}-${Math.max(...all).toFixed(0)}`;
  console.log(`${name.padEnd(20)} ${median(all).toFixed(1)} µs (${range}), ${(median(all) - base).toFixed(1)} more than off`);
}
for (const { child, pool } of gateways) {
  child.kill('SIGKILL');
  await pool.destroy();
}
console.log(`the sink got ${(spansSeen / 1e6).toFixed(1)} MB`);
await pauses('nothing, for comparison', undefined);
await pauses('one message of 1 MB', [{ role: 'user', content: TEXT.repeat(1100) }]);
await pauses(
  '1,000 messages of 1 KB',
  Array.from({ length: 1000 }, () => ({ role: 'user', content: TEXT })),
);
await pauses('an image of 1 MB', [
  { role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'iVBORw0K'.repeat(130_000)}` } }] },
]);
rmSync(folder, { recursive: true });
upstream.server.close();
sink.server.close();
process.exit();

/** Tells of many requests with such a body, and says how long the event loop stood still at most. */
async function pauses(name: string, messages: object[] | undefined): Promise<void> {
  Object.assign(process.env, OTLP);
  const tracing = (await openTracing({ env: { ...OTLP, ...SHOWN }, serviceName: 'bench', version: '0', log: () => undefined }))!;
  const requestBody = Buffer.from(JSON.stringify({ model: 'm', messages }));
  const record = recordOf('chat', undefined, JSON.parse(ANSWER) as object, { requestBody });
  tracing.tell(record);
  await tracing.flush(5000);
  const cpu = process.cpuUsage();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let each = 0; each < 20; each++) {
    if (messages !== undefined) tracing.tell(record);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await tracing.flush(5000);
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  const { exported, dropped } = tracing.counts;
  console.log(
    `${name} (${(requestBody.length / 1e6).toFixed(2)} MB): longest pause ${(delay.max / 1e6).toFixed(1)} ms, p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, CPU ${((user + system) / 20_000).toFixed(1)} ms a request; ${exported} spans exported, ${dropped} dropped`,
  );
  await tracing.close(1000);
}

async function load(pool: Pool): Promise<void> {
  let left = REQUESTS;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { 'content-type': 'application/json' },
        body: BODY,
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, client));
}

async function startGateway(name: string, env: Record<string, string>): Promise<{ child: ChildProcess; pool: Pool }> {
  const file = join(folder, `${name.replaceAll(/\W/g, '')}.yaml`);
  writeFileSync(file, yaml());
  const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(?:OTEL|OPENINFERENCE)_/.test(key)));
  const child = spawn(process.execPath, [CLI, 'run', file, '--port', '0', '--admin-port', '0', '--no-access-log'], {
    env: { ...clean, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  const port = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
      const found = /listening on http:\/\/127\.0\.0\.1:(\d+)[^]*ready/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on('exit', () => reject(new Error(said)));
  });
  return { child, pool: new Pool(`http://127.0.0.1:${port}`, { connections: PARALLEL }) };
}

function yaml(): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: m}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: m}]}], backendRefs: [{name: m}]}]
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: m}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: m}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: m}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${upstream.port}}}]}`;
}

function listen(answer: Parameters<typeof createServer>[1]): Promise<{ server: Server; port: number }> {
  const server = createServer(answer as never);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as { port: number }).port }));
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
