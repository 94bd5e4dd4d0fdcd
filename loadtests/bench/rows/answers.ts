import { startGateway, startReferenceProxy } from '../gateway-process.ts';
import { measure, measureByWrk, type Request, type Target, type Times } from '../measure.ts';
import type { AnswerName } from '../payloads.ts';
import { chatRequest, embeddingsRequest, messagesRequest } from '../payloads.ts';
import { baseYaml, CLIENT_KEY, MODEL, routeYaml } from '../resources.ts';
import type { Plan, Row, Run } from '../row.ts';
import { writeConfig } from '../row.ts';
import { startUpstream } from '../upstream.ts';
import { figuresAt, unaryRun } from './unary.ts';

interface Work {
  readonly name: string;
  readonly work: string;
  readonly connections: number;
  readonly subject: 'proxy' | 'gateway';
  readonly keyAuth: boolean;
  readonly accessLog: boolean;
  readonly answer: AnswerName;
  readonly request: Pick<Request, 'path' | 'body'>;
  readonly bar: string;
}

const CHAT = { path: '/v1/chat/completions', body: chatRequest(MODEL, 1_000) };
const FULL = { subject: 'gateway', keyAuth: true, accessLog: true, answer: 'chat', request: CHAT } as const;
const PROXY = { ...FULL, subject: 'proxy', keyAuth: false, accessLog: false } as const;
const FULL_CHAT = 'chat 1 KB, key auth, usage, access log';
const FULL_BAR = '≥ 5,000 rps (aim 8,000), ≤ 200 µs (aim 130)';

const WORKS: readonly Work[] = [
  { ...PROXY, name: 'proxy-1', work: 'reference: bare fastify + undici proxy, chat 1 KB', connections: 1, bar: '' },
  { ...PROXY, name: 'proxy-32', work: 'reference: bare fastify + undici proxy, chat 1 KB', connections: 32, bar: '' },
  {
    ...FULL,
    name: 'chat-bare-32',
    work: 'chat 1 KB, no key auth, no access log',
    connections: 32,
    keyAuth: false,
    accessLog: false,
    bar: '',
  },
  { ...FULL, name: 'chat-auth-32', work: 'chat 1 KB, key auth, no access log', connections: 32, accessLog: false, bar: '' },
  { ...FULL, name: 'chat-1', work: FULL_CHAT, connections: 1, bar: 'added p50 ≤ 0.4 ms' },
  { ...FULL, name: 'chat-32', work: FULL_CHAT, connections: 32, bar: FULL_BAR },
  { ...FULL, name: 'chat-128', work: FULL_CHAT, connections: 128, bar: FULL_BAR },
  {
    ...FULL,
    name: 'translated-32',
    work: 'messages 1 KB at a backend of chat completions, key auth, usage, access log',
    connections: 32,
    request: { path: '/anthropic/v1/messages', body: messagesRequest(MODEL, 1_000) },
    bar: '≥ 60 % of chat-32 (aim 75), ≤ 80 µs more',
  },
  {
    ...FULL,
    name: 'request-100k',
    work: 'chat, request 100 KB, answer 4 KB, full configuration',
    connections: 32,
    answer: 'chat-4k',
    request: { ...CHAT, body: chatRequest(MODEL, 100_000) },
    bar: '',
  },
  {
    ...FULL,
    name: 'embeddings-60k',
    work: 'embeddings, answer 60 KB, full configuration',
    connections: 32,
    answer: 'embeddings',
    request: { path: '/v1/embeddings', body: embeddingsRequest(MODEL) },
    bar: '',
  },
];

/** Requests with one answer each. */
export const answerRows: readonly Row[] = WORKS.map((work) => ({
  name: work.name,
  work: work.work,
  connections: work.connections,
  figures: figuresAt(work.connections),
  bar: work.bar,
  run: (plan) => run(work, plan),
}));

async function run(work: Work, plan: Plan): Promise<Run> {
  const { connections } = work;
  const upstream = await startUpstream({ answer: work.answer, chunks: undefined, intervalMs: 0 });
  const request = { ...work.request, headers: { Authorization: `Bearer ${CLIENT_KEY}` } };
  const load = (target: Target, times: Times) =>
    plan.client === 'wrk' ? measureByWrk(target, request, connections, times, plan.folder) : measure(target, request, connections, times);
  try {
    const direct = await load({ port: upstream.port, pid: undefined }, { warmupSeconds: 1, seconds: plan.directSeconds });
    const subject = await startSubject(work, plan, upstream.port);
    try {
      const result = await load(subject, plan);
      return unaryRun(result, direct, connections);
    } finally {
      await subject.stop();
    }
  } finally {
    await upstream.stop();
  }
}

function startSubject(work: Work, plan: Plan, upstreamPort: number) {
  if (work.subject === 'proxy') return startReferenceProxy(upstreamPort);
  const config = writeConfig(plan, baseYaml(upstreamPort, work.keyAuth) + routeYaml('chat', [MODEL]));
  return startGateway(config, plan.folder, work.accessLog);
}
