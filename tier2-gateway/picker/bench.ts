/**
 * What the picker costs: `node tier2-gateway/picker/bench.ts`. Figures are of this machine at this moment; nothing here is a test.
 *
 * 100 endpoints with full indexes, and 50 requests in flight on each.
 */
import { performance } from 'node:perf_hooks';

import { scanObject } from '#core/json/scan';

import { digestPrompt } from './digest.ts';
import type { PromptDigest } from './digest.ts';
import { Picker } from './picker.ts';
import type { PickRequest, Ticket } from './policy.ts';
import { digestRequest } from './prompt.ts';

const ENDPOINTS = 100;
const started = performance.now();
const picker = new Picker({ now: () => performance.now() - started, random: Math.random });
const infos = Array.from({ length: ENDPOINTS }, (_, index) => ({
  id: `10.0.${index >> 8}.${index & 255}:8000`,
  pod: `pod-${index}`,
  labels: {},
  ready: true,
  draining: false,
}));
picker.setEndpoints(infos);

const words = 'the of and a to in is you that it he was for on are as with his they I at be this have from or one had by word'.split(' ');
let serial = 0;

function text(seed: number, length: number): string {
  let out = `${seed} `;
  for (let state = seed + 1; out.length < length; state = (state * 48271) % 2147483647) {
    out += `${words[state % words.length]}${state % 9 === 0 ? '\n' : ' '}`;
  }
  return out.slice(0, length);
}

/** @param shared bytes at the beginning that `group` prompts have in common */
function body(bytes: number, shared: number, group: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      model: 'qwen',
      stream: true,
      messages: [
        { role: 'system', content: text(shared === 0 ? 0 : group + 1, shared) },
        { role: 'user', content: text(++serial * 7919, bytes - shared) },
      ],
    }),
  );
}

function request(prompt: PromptDigest): PickRequest {
  return {
    id: `r${++serial}`,
    model: 'qwen',
    tenant: 'team',
    prompt,
    inputTokens: Math.ceil(prompt.bytes / 4),
    expectedOutput: 200,
    priority: 0,
  };
}

function percentiles(times: number[]): string {
  times.sort((one, other) => one - other);
  const at = (share: number): string => times[Math.min(times.length - 1, Math.floor(times.length * share))]!.toFixed(4);
  return `P50 ${at(0.5)} ms  P95 ${at(0.95)} ms  P99 ${at(0.99)} ms  max ${times.at(-1)!.toFixed(3)} ms`;
}

function measure(name: string, count: number, make: () => Buffer): void {
  const digests: number[] = [];
  const picks: number[] = [];
  const ends: number[] = [];
  for (let index = 0; index < count; index++) {
    const scan = scanObject(make());
    const t0 = performance.now();
    const prompt = digestRequest(scan);
    const t1 = performance.now();
    const ticket = picker.pick(request(prompt));
    const t2 = performance.now();
    ticket.firstToken(t2 - started);
    ticket.tokens(100, performance.now() - started);
    ticket.end({
      outputTokens: 100,
      cachedTokens: Math.floor((ticket.ranked[0]?.matchedTokens ?? 0) * 0.95),
      output: 'an answer of some length '.repeat(20),
    });
    const t3 = performance.now();
    digests.push(t1 - t0);
    picks.push(t2 - t1);
    ends.push(t3 - t2);
  }
  console.log(`${name}\n  digest  ${percentiles(digests)}\n  pick    ${percentiles(picks)}\n  rest    ${percentiles(ends)}`);
}

// Full indexes, and load on every endpoint.
const inFlight: Ticket[] = [];
const before = process.memoryUsage();
for (let index = 0; index < 50 * ENDPOINTS; index++)
  inFlight.push(picker.pick(request(digestRequest(scanObject(body(4_000, 2_000, index % 200))))));
for (const ticket of inFlight) ticket.firstToken(performance.now() - started);
const indexed = (): number => picker.endpoints().reduce((sum, endpoint) => sum + endpoint.indexedBlocks, 0);
for (let index = 0; index < 3_000 && (index % 50 !== 0 || indexed() < 440_000); index++) {
  const ticket = picker.pick({ ...request(digestRequest(scanObject(body(120_000, 0, 0)))), subset: [infos[index % ENDPOINTS]!.id] });
  ticket.firstToken(performance.now() - started);
  ticket.end();
}
const after = process.memoryUsage();
console.log(`node ${process.version}, ${ENDPOINTS} endpoints, ${inFlight.length} requests in flight, ${indexed()} blocks indexed`);
console.log(
  `index: ${(picker.index.memoryBytes / 1048576).toFixed(1)} MiB for up to ${picker.index.maxEntries} blocks; array buffers grew by ${((after.arrayBuffers - before.arrayBuffers) / 1048576).toFixed(1)} MiB`,
);

measure('warm-up (not to be quoted)', 3_000, () => body(800, 400, serial % 200));
measure('200-token prompts, half of each shared by 200 groups', 5_000, () => body(800, 400, serial % 200));
measure('7200-token prompts, 6000 shared by 150 groups', 2_000, () => body(28_800, 24_000, serial % 150));
measure('220 KB prompts, 200 KB shared by 20 groups', 300, () => body(220_000, 200_000, serial % 20));

const plain = body(220_000, 0, 0);
const times = Array.from({ length: 500 }, () => {
  const t0 = performance.now();
  digestPrompt([plain]);
  return performance.now() - t0;
});
console.log(`220 KB of plain bytes\n  digest  ${percentiles(times)}`);

// 500 picks a second for ten seconds, with first token, 20 reports of tokens and an end each, spread over time.
const bodies = Array.from({ length: 500 }, (_, index) => scanObject(body(index % 10 === 0 ? 28_800 : 800, 400, index % 100)));
const cpu = process.cpuUsage();
const from = performance.now();
let made = 0;
const running: { ticket: Ticket; steps: number }[] = [];
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - from) / 1_000) * 500);
    for (; made < due; made++) running.push({ ticket: picker.pick(request(digestRequest(bodies[made % bodies.length]!))), steps: 0 });
    const at = performance.now() - started;
    for (const one of running) {
      if (one.steps++ === 0) one.ticket.firstToken(at);
      else one.ticket.tokens(10, at);
    }
    while (running.length > 0 && running[0]!.steps > 20) running.shift()!.ticket.end({ outputTokens: 200, output: 'words '.repeat(150) });
    for (let index = 0; index < 4; index++) {
      const { id } = infos[Math.floor(Math.random() * ENDPOINTS)]!;
      picker.observeMetrics(id, { running: 50, waiting: 1, kvUsage: 0.5, runningLoras: [], waitingLoras: [] }, at);
    }
    if (performance.now() - from < 10_000) return;
    clearInterval(timer);
    resolve();
  }, 10);
});
const used = process.cpuUsage(cpu);
const seconds = (performance.now() - from) / 1_000;
console.log(
  `500 picks a second, digest to end: ${made} in ${seconds.toFixed(1)} s took ${(((used.user + used.system) / 1e6 / seconds) * 100).toFixed(1)} % of one core`,
);
