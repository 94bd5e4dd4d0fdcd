// Every API that a client can hold a conversation in, at every API that a backend can have: none of the cells is without a request.
import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { scanObject } from '#core/json/scan';
import { CODECS, type TranslatedDialect } from '#core/llm/codecs';
import type { Answer, AnswerEvent } from '#core/llm/conversation';
import { NO_DETAILS } from '#core/llm/usage';
import { eventMessage } from '#core/providers/transports/event-stream.fixture';
import { type Way, wayOf } from '#core/providers/way';
import { ENDPOINTS, SCHEMA_NAMES, type SchemaName } from '#core/read/endpoints';

import { schemaNamed, schemasYaml, TOKEN } from './cloud.fixture.ts';
import { ask, CHAT, MESSAGES, RESPONSES, type TestAnswer } from './dialects.fixture.ts';
import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { cellOf, COMMAND, page, PAGE } from './matrix.fixture.ts';
import { answer, raw, type Script, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let upstream: Upstream;
let gateway: TestGateway;

const CLIENTS = { 'openai-chat': CHAT, 'openai-responses': RESPONSES, 'anthropic-messages': MESSAGES } as const;
const CONVERSATIONS = ENDPOINTS.filter(({ conversation }) => conversation !== undefined);
const CELLS = CONVERSATIONS.flatMap((endpoint) =>
  SCHEMA_NAMES.filter((schema) => wayOf(endpoint, schemaNamed(schema)) !== undefined).map((schema) => ({
    endpoint,
    schema,
    client: CLIENTS[endpoint.conversation as keyof typeof CLIENTS],
    /** What the backend speaks. */
    dialect: dialectAt(wayOf(endpoint, schemaNamed(schema))!, endpoint.conversation as TranslatedDialect),
    title: `${endpoint.path} at ${schema}: ${cellOf(endpoint, schema)}`,
  })),
);

function dialectAt(way: Way, own: TranslatedDialect): TranslatedDialect {
  return way.how === 'conversation' ? way.wire.dialect : own;
}

beforeAll(async () => {
  upstream = await startUpstream(answer(500, {}));
  gateway = await startGateway({ yaml: schemasYaml(upstream.port) });
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const ASKED = { created: 1, usage: true };
const ANSWER: Answer = {
  id: 'a1',
  model: 'real',
  blocks: [
    { type: 'text', text: 'hello' },
    { type: 'tool_call', id: 'call_1', name: 'weather', arguments: '{"in":"Rome"}' },
  ],
  finish: 'tool_calls',
  stopSequence: undefined,
  usage: { ...NO_DETAILS, input: 5, output: 7, total: 12 },
  losses: [],
};
const { usage } = ANSWER;
const EVENTS: readonly AnswerEvent[] = [
  { type: 'answer_start', id: 'a1', model: 'real', usage: undefined },
  { type: 'block_start', index: 0, block: { type: 'text', text: '' } },
  { type: 'text_delta', index: 0, text: 'hel' },
  { type: 'text_delta', index: 0, text: 'lo' },
  { type: 'block_stop', index: 0 },
  { type: 'block_start', index: 1, block: { type: 'tool_call', id: 'call_1', name: 'weather', arguments: '' } },
  { type: 'arguments_delta', index: 1, text: '{"in":' },
  { type: 'arguments_delta', index: 1, text: '"Rome"}' },
  { type: 'block_stop', index: 1 },
  { type: 'answer_stop', finish: 'tool_calls', stopSequence: undefined, usage },
];

/** A stream as the backend frames it. */
function streamed(dialect: TranslatedDialect, schema: SchemaName): Script {
  const encoder = CODECS[dialect].encodeStream(ASKED);
  const text = EVENTS.map((event) => encoder.push(event)).join('') + encoder.end();
  const events = text.split(/(?<=\n\n)/);
  if (!schema.startsWith('AWS')) return sse(events);
  const messages = events.map((event) => {
    const type = /event: (.*)/.exec(event)?.[1] ?? '';
    if (schema === 'AWSBedrock')
      return eventMessage({ ':message-type': 'event', ':event-type': type }, Buffer.from(/data: (.*)/.exec(event)![1]!));
    const bytes = Buffer.from(/data: (.*)/.exec(event)![1]!).toString('base64');
    return eventMessage({ ':message-type': 'event', ':event-type': 'chunk' }, Buffer.from(JSON.stringify({ bytes })));
  });
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n\r\n';
  return raw(Buffer.concat([Buffer.from(head), ...messages]));
}

/** What a client of an API reads in a stream, by the API's own rules. */
function heard(client: TranslatedDialect, { text }: TestAnswer): string {
  const decoder = CODECS[client].decodeStream();
  const found: string[] = [];
  for (const block of text.split('\n\n')) {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (data === undefined) continue;
    const type = /^event: (.*)$/m.exec(block)?.[1] ?? 'message';
    for (const event of decoder.push({ type, data: Buffer.from(data) })) {
      if (event.type === 'block_start' && event.block.type === 'tool_call') found.push(` ${event.block.id} ${event.block.name} `);
      if (event.type === 'text_delta' || event.type === 'arguments_delta') found.push(event.text);
      if (event.type === 'answer_stop') found.push(` ${event.finish} ${event.usage?.input} ${event.usage?.output}`);
    }
  }
  decoder.end();
  return found.join('');
}

describe.each(CELLS)('$title', ({ client, schema, dialect, endpoint }) => {
  const request = (stream: boolean) => ({
    ...client.request(schema.toLowerCase(), stream),
    ...(client === MESSAGES ? { max_tokens: 9 } : {}),
    ...(client === CHAT && stream ? { stream_options: { include_usage: true } } : {}),
  });

  test('whole', async () => {
    upstream.script(answer(200, CODECS[dialect].encodeAnswer(ANSWER, ASKED).body));
    const told = await ask(gateway.url, client.path, request(false), TOKEN);
    expect(told.status).toBe(200);
    for (const part of ['hello', 'weather', 'Rome']) expect(told.text).toContain(part);
    const sent = JSON.parse(upstream.requests.at(-1)!.body.toString()) as Record<string, unknown>;
    const addressed = { model: 'm', stream: false };
    const { turns } = CODECS[dialect].decodeRequest(scanObject(Buffer.from(JSON.stringify({ model: 'm', ...sent }))), addressed);
    expect(turns).toMatchObject([{ role: 'user', blocks: [{ type: 'text', text: 'hi' }] }]);
  });

  test('as a stream', async () => {
    upstream.script(streamed(dialect, schema));
    const told = await ask(gateway.url, client.path, request(true), TOKEN);
    expect(told).toMatchObject({ status: 200, whole: true });
    expect(heard(endpoint.conversation as TranslatedDialect, told)).toMatch(/^hello \S+ weather \{"in":\s?"Rome"\} tool_calls 5 7$/);
  });
});

test(`the table of docs/providers.md is as \`${COMMAND}\` writes it`, () => {
  const text = readFileSync(PAGE, 'utf8');
  expect(page(text)).toBe(text);
});
