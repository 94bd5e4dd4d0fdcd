// node loadtests/bench/metrics.ts: what metrics and access log cost a request, and what a page of metrics costs.
import { openSync } from 'node:fs';

import { pino } from 'pino';

import { settle } from '#core/serve/settle';
import type { GatewayRequest } from '#core/serve/request';
import { accessLogger } from '#core/telemetry/accesslog';
import { Metrics } from '#core/telemetry/metrics';

import { AdmissionMetrics } from '../../gateway/admit/admission-metrics.ts';
import type { Item } from '../../gateway/admit/items.ts';
import { TierOneMetrics } from '../../gateway/metrics.ts';

const ROUNDS = 9;
const REQUESTS = 100_000;

const MODELS = ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet', 'demo-small'];
const usage = {
  input: 1200,
  output: 180,
  total: 1380,
  cachedInput: 900,
  cacheCreation: undefined,
  reasoning: 64,
  source: 'reported',
} as const;

/** A streamed chat of which the second attempt succeeded for one in ten, as the settle stage sees it. */
function requestOf(index: number): GatewayRequest {
  const model = MODELS[index % MODELS.length]!;
  const startedAt = performance.now() - 850;
  const target = {
    id: 'default/openai/route/r/rule/0/ref/0',
    backend: { name: 'default/openai' },
    schema: { name: 'OpenAI' },
    modelOverride: undefined,
  };
  const origin = { host: '10.0.0.1', port: 443, tls: undefined };
  const attempt = {
    target,
    endpoint: { origin },
    startedAt: startedAt + 1,
    sentAt: startedAt + 1.2,
    status: 200,
    failure: undefined,
    endedAt: startedAt + 850,
  };
  const failed = { ...attempt, target: { ...target, backend: { name: 'default/azure' } }, failure: { reason: 'reset', message: 'closed' } };
  return {
    id: '0123456789abcdef0123456789abcdef',
    method: 'POST',
    path: '/v1/chat/completions',
    host: 'gateway.example',
    address: '10.1.2.3',
    raw: { httpVersion: '1.1' },
    headers: { 'user-agent': 'openai-node/6.49.0', 'content-length': '5120' },
    bodyBytes: 5120,
    reply: { status: 200, bytes: 48_000 },
    startedAt,
    startTime: Date.now() - 850,
    waitedMs: 0.3,
    traceId: undefined,
    endpoint: { operation: 'chat' },
    rule: { ai: true, index: 0, route: { namespace: 'default', name: 'models' } },
    identity: { clientId: 'team-a' },
    model,
    stream: true,
    usage,
    errorCode: undefined,
    details: { cost_nanos: 4_100_000, cost_currency: 'USD', budgets: ['default/teams'] },
    outcome: {
      status: 200,
      complete: true,
      clientGone: false,
      failure: undefined,
      attempts: index % 10 === 0 ? [failed, attempt] : [attempt],
      facts: { usage, model: `${model}-2026-08-06` },
      firstTokenAt: startedAt + 320,
      tokens: 180,
    },
  } as unknown as GatewayRequest;
}

const item = (name: string, unit: string): Item =>
  ({
    name,
    unit,
    subject: 'team-a',
    shadow: false,
    shared: true,
    silent: false,
    charge: { counter: {}, amount: 1, least: 1 },
  }) as unknown as Item;
const ITEMS = [item('rule 0 of BackendTrafficPolicy default/teams', 'tokens'), item('Budget default/teams', 'USD')];
const GRANTED = [1500, 300_000];
const cost = { nanos: 4_100_000, currency: 'USD', entry: 'p', parts: [] };

interface Case {
  readonly name: string;
  readonly run: (request: GatewayRequest) => void;
}

/** CPU of one call in µs, without that of making the request. */
function measure({ run }: Case): number {
  const requests = Array.from({ length: 1000 }, (_, index) => requestOf(index));
  for (const request of requests) for (let again = 0; again < 20; again++) run(request);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const from = process.cpuUsage();
    for (let at = 0; at < REQUESTS; at++) run(requests[at % 1000]!);
    const { user, system } = process.cpuUsage(from);
    return (user + system) / REQUESTS;
  });
  return rounds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

const middle = (values: readonly number[]): string => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!.toFixed(1);

const metrics = new Metrics('one');
metrics.models.keep(MODELS);
const own = new TierOneMetrics(metrics);
const admission = new AdmissionMetrics(metrics.families);
const stream = pino.destination({ dest: openSync('/dev/null', 'w'), sync: false, minLength: 4096 });
const log = accessLogger(stream);

const common = (request: GatewayRequest): void => settle(request, metrics, undefined);
const money = (request: GatewayRequest): void => {
  admission.admitted(ITEMS, GRANTED, () => false);
  admission.settled(ITEMS, GRANTED);
  own.settled({
    request,
    status: 200,
    settled: { usage, cost, costs: {}, budgets: [] },
    backend: 'default/openai',
    model: request.model!,
    receipt: undefined,
  });
};

const cases: readonly Case[] = [
  { name: 'metrics of both tiers and the reference’s, a streamed chat', run: common },
  { name: 'metrics of limits, budgets, clients and money', run: money },
  {
    name: 'all metrics and the access log',
    run: (request) => {
      money(request);
      settle(request, metrics, log);
    },
  },
];

for (const each of cases) process.stdout.write(`${measure(each).toFixed(2).padStart(7)} µs CPU   ${each.name}\n`);

for (const lines of [5000, 30_000]) {
  const page = new Metrics('one');
  const { genAiDuration } = page.families;
  // 17 lines each.
  for (let at = 0; at < lines / 17; at++) genAiDuration.with('chat', 'openai', `m${at}`, `m${at}`, `m${at}`, '').observe(0.3);
  const whole = Array.from({ length: 15 }, () => 0);
  page.collectProcess();
  for (let at = 0; at < whole.length; at++) {
    const from = performance.now();
    const { body } = await page.page('application/openmetrics-text');
    Buffer.from(body);
    whole[at] = performance.now() - from;
  }
  process.stdout.write(
    `${lines} series, with those of the process, as bytes: the first page ${whole[0]!.toFixed(1)} ms, median ${middle(whole)} ms\n`,
  );
}
