// AWS' own client: it sends what we write of a conversation field by field, and reads what we write of answers and streams.
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { BedrockRuntimeClient, ConverseCommand, type ConverseCommandInput, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { assert, asyncProperty } from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventMessage } from '../../../providers/transports/event-stream.fixture.ts';
import { answersOf } from '../../answers.fixture.ts';
import { CODECS } from '../../codecs.ts';
import { conversations } from '../../conversations.fixture.ts';
import { toldBitByBit } from '../../told.fixture.ts';

const { 'bedrock-converse': codec } = CODECS;
const RUNS = { numRuns: 60 };

let server: Http2Server;
let client: BedrockRuntimeClient;
let received: string;
let answer: { readonly type: string; readonly bytes: Buffer };

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received = Buffer.concat(chunks).toString();
      response.writeHead(200, { 'content-type': answer.type });
      response.end(answer.bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'canary' };
  client = new BedrockRuntimeClient({ region: 'us-east-1', endpoint: `http://127.0.0.1:${port}`, credentials, maxAttempts: 1 });
});

afterAll(() => {
  client.destroy();
  server.close();
});

const BYTES = new Set(['bytes', 'redactedContent']);
const json = (value: object) => ({ type: 'application/json', bytes: Buffer.from(JSON.stringify(value)) });

/** As the client wants it: bytes as such. */
function revived(body: object): Omit<ConverseCommandInput, 'modelId'> {
  return JSON.parse(JSON.stringify(body), (key, value: unknown) =>
    BYTES.has(key) && typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : value,
  ) as Omit<ConverseCommandInput, 'modelId'>;
}

/** As the wire has it. */
function plain(value: object): unknown {
  const text = JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return Number(each);
    return each instanceof Uint8Array ? Buffer.from(each).toString('base64') : each;
  });
  return JSON.parse(text) as unknown;
}

test.each(['openai-chat', 'anthropic-messages', 'openai-responses', 'gemini', 'bedrock-converse'] as const)(
  'it knows every field that we write of a conversation from %s',
  async (source) => {
    answer = json({ output: { message: { role: 'assistant', content: [{ text: 'a' }] } }, stopReason: 'end_turn' });
    await assert(
      asyncProperty(conversations(source, 'bedrock-converse'), async (conversation) => {
        const { body } = codec.encodeRequest(conversation);
        await client.send(new ConverseCommand({ modelId: 'm', ...revived(body) }));
        expect(JSON.parse(received)).toEqual(plain(body));
      }),
      RUNS,
    );
  },
);

test('it reads every field that we write of an answer', async () => {
  await assert(
    asyncProperty(answersOf('bedrock-converse'), async (each) => {
      const { body } = codec.encodeAnswer(each);
      answer = json(body);
      const { $metadata: _metadata, ...told } = await client.send(new ConverseCommand({ modelId: 'm', messages: [] }));
      expect(plain(told)).toEqual(plain(body));
    }),
    RUNS,
  );
});

test('it reads every event that we write of a stream', async () => {
  await assert(
    asyncProperty(answersOf('bedrock-converse'), async (each) => {
      const encoder = codec.encodeStream();
      const text =
        toldBitByBit(each, [3, 5])
          .map((event) => encoder.push(event))
          .join('') + encoder.end();
      const events = [...text.matchAll(/event: (.*)\ndata: (.*)\n\n/g)].map(([, type, data]) => [type!, data!] as const);
      const bytes = events.map(([type, data]) => eventMessage({ ':message-type': 'event', ':event-type': type }, Buffer.from(data)));
      answer = { type: 'application/vnd.amazon.eventstream', bytes: Buffer.concat(bytes) };
      const { stream } = await client.send(new ConverseStreamCommand({ modelId: 'm', messages: [] }));
      const heard: unknown[] = [];
      for await (const event of stream!) heard.push(plain(event));
      expect(heard).toEqual(events.map(([type, data]) => ({ [type]: JSON.parse(data) as unknown })));
    }),
    RUNS,
  );
});
