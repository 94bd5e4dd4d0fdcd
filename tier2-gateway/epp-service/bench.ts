/**
 * Exchanges a second, and the picker's CPU for each, with 100 endpoints on loopback: `node tier2-gateway/epp-service/bench.ts [SECONDS]`.
 * The picker is a process of its own (`tierkit epp`); gateway and model servers are this one, so on few cores the rate says more of this one.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { EppClient } from '../epp/client.ts';

const ENDPOINTS = 100;
const PARALLEL = 32;
const seconds = Number(process.argv[2] ?? 10);

const METRICS = 'vllm:num_requests_running 0\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0.1\n';
const WORDS = Array.from({ length: 150 }, (_, index) => `word${index}`).join(' ');
const USAGE = { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300, prompt_tokens_details: { cached_tokens: 64 } };
const WHOLE = Buffer.from(JSON.stringify({ id: 'c', object: 'chat.completion', model: 'm', choices: [], usage: USAGE }));
const chunk = (fields: object): Buffer =>
  Buffer.from(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'm', ...fields })}\n\n`);
const EVENTS = [
  ...Array.from({ length: 100 }, () => chunk({ choices: [{ index: 0, delta: { content: 'word ' }, finish_reason: null }] })),
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
  Buffer.from('data: [DONE]\n\n'),
];

const servers = Array.from({ length: ENDPOINTS }, (_, index) => {
  const server = createServer((_request, response) => response.end(METRICS));
  return new Promise<{ address: string; close: () => void }>((resolve) => {
    server.listen(0, `127.0.0.${index + 1}`, () => {
      const { address, port } = server.address() as { address: string; port: number };
      resolve({ address: `${address}:${port}`, close: () => server.close() });
    });
  });
});
const pods = await Promise.all(servers);

const folder = mkdtempSync(join(tmpdir(), 'tierkit-epp-bench-'));
writeFileSync(
  join(folder, 'pool.yaml'),
  `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: p, annotations: {tierkit.dev/endpoints: "${pods.map(({ address }) => address).join(',')}"}}
spec: {selector: {matchLabels: {app: p}}, targetPorts: [{number: 8000}]}
`,
);
const tierkit = fileURLToPath(new URL('../../cli/tierkit.js', import.meta.url));
const picker = spawn(
  process.execPath,
  [tierkit, 'epp', folder, '--insecure-plaintext', '--grpc-port', '0', '--health-port', '0', '--admin-port', '0'],
  { stdio: ['ignore', 'ignore', 'pipe'] },
);
let said = '';
await new Promise<void>((resolve) => {
  picker.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    if (said.includes('ready;')) resolve();
  });
});
const address = /ext_proc on (\S+)/.exec(said)![1]!;
const admin = /admin on (http:\S+)/.exec(said)![1]!;
const client = new EppClient({ address, tls: 'plaintext', mode: 'full-duplex', messageTimeoutMs: 10_000, connectTimeoutMs: 5000 });

/** Seconds of CPU that the picker has used. */
async function cpu(): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(text)![1]);
}

let made = 0;
async function exchange(answer: readonly Buffer[], stream: boolean): Promise<void> {
  const content = `${made++} ${WORDS}`;
  const body = Buffer.from(JSON.stringify({ model: 'm', stream, max_tokens: 100, messages: [{ role: 'user', content }] }));
  const asked = client.open({
    headers: [
      [':method', 'POST'],
      [':path', '/v1/chat/completions'],
      [':authority', 'models.test'],
      ['content-type', 'application/json'],
      ['x-request-id', `bench-${made}`],
    ],
  });
  const [picked] = await Promise.all([asked.picked, asked.requestBody(body)]);
  if (picked.kind !== 'picked') throw new Error(`answered ${picked.status}`);
  await asked.responseHeaders(200, [['content-type', stream ? 'text/event-stream' : 'application/json']], picked.endpoints[0]);
  for await (const _ of asked.rewriteResponse(source(answer)));
}

async function* source(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function measure(name: string, answer: readonly Buffer[], stream: boolean, lastsS: number): Promise<void> {
  const until = performance.now() + lastsS * 1000;
  const before = await cpu();
  const startedAt = performance.now();
  let done = 0;
  const worker = async (): Promise<void> => {
    for (; performance.now() < until; done++) await exchange(answer, stream);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  const tookS = (performance.now() - startedAt) / 1000;
  const used = (await cpu()) - before;
  const each = (used * 1_000_000) / done;
  process.stdout.write(
    `${name.padEnd(34)} ${(done / tookS).toFixed(0).padStart(6)} exchanges/s   ${each.toFixed(0).padStart(6)} µs CPU of the picker each (${(used / tookS).toFixed(2)} cores)\n`,
  );
}

try {
  await measure('warm-up', [WHOLE], false, 3);
  const idle = await cpu();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  process.stdout.write(`idle, scraping ${ENDPOINTS} endpoints: ${(((await cpu()) - idle) / 3).toFixed(3)} cores\n`);
  await measure('200 tokens, whole answer', [WHOLE], false, seconds);
  await measure('200 tokens, stream of 100 tokens', EVENTS, true, seconds);
} finally {
  client.close();
  picker.kill('SIGTERM');
  for (const { close } of pods) close();
  rmSync(folder, { recursive: true });
}
