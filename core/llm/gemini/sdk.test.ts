// Google's own client: it sends what we write of a conversation field by field, and reads what we write of answers and streams.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { type GenerateContentParameters, type GenerateContentResponse, GoogleGenAI, type Part } from '@google/genai';
import { assert, asyncProperty } from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { answersOf } from '../answers.fixture.ts';
import { CODECS } from '../codecs.ts';
import type { Answer } from '../conversation.ts';
import { conversations } from '../conversations.fixture.ts';
import type { Json } from '../given.ts';
import { toldBitByBit } from '../told.fixture.ts';

const { gemini: codec } = CODECS;
const RUNS = { numRuns: 60 };

let server: Server;
let client: GoogleGenAI;
let received: { readonly path: string; readonly body: unknown };
let answer: { readonly type: string; readonly text: string };

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received = { path: request.url!, body: JSON.parse(Buffer.concat(chunks).toString()) as unknown };
      response.writeHead(200, { 'content-type': answer.type });
      response.end(answer.text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new GoogleGenAI({ vertexai: true, apiKey: 'canary', httpOptions: { baseUrl } });
});

afterAll(() => void server.close());

const json = (value: object) => ({ type: 'application/json', text: JSON.stringify(value) });

/** What we write as the client is asked for it. */
function asked({ contents, generationConfig, ...config }: Json): GenerateContentParameters {
  return { model: 'm', contents, config: { ...(generationConfig as object), ...config } } as GenerateContentParameters;
}

test.each(['openai-chat', 'anthropic-messages', 'openai-responses', 'gemini', 'bedrock-converse'] as const)(
  'it knows every field that we write of a conversation from %s',
  async (source) => {
    answer = json({ candidates: [{ content: { role: 'model', parts: [{ text: 'a' }] }, finishReason: 'STOP' }] });
    await assert(
      asyncProperty(conversations(source, 'gemini'), async (conversation) => {
        const { body } = codec.encodeRequest(conversation);
        await client.models.generateContent(asked(body));
        expect(received.path).toMatch(/\/publishers\/google\/models\/m:generateContent$/);
        expect(received.body).toEqual(JSON.parse(JSON.stringify(body)));
      }),
      RUNS,
    );
  },
);

/** What the client makes of an answer that has all of ours. */
function expectSaid(parts: readonly Part[], { blocks }: Answer): void {
  const textOf = (thought: boolean) =>
    parts
      .filter((part) => part.text !== undefined && (part.thought ?? false) === thought)
      .map(({ text }) => text)
      .join('');
  const ours = (type: 'text' | 'reasoning') => blocks.flatMap((block) => (block.type === type ? [block.text] : [])).join('');
  expect(textOf(false)).toBe(ours('text'));
  expect(textOf(true)).toBe(ours('reasoning'));
  const calls = parts.flatMap(({ functionCall }) => (functionCall === undefined ? [] : [[functionCall.name, functionCall.args]]));
  expect(calls).toEqual(blocks.flatMap((block) => (block.type === 'tool_call' ? [[block.name, JSON.parse(block.arguments)]] : [])));
}

function expectEnd(told: GenerateContentResponse, { finish, usage }: Answer): void {
  expect(told.candidates?.[0]?.finishReason).toBe(finish === 'length' ? 'MAX_TOKENS' : 'STOP');
  expect(told.usageMetadata).toMatchObject({ promptTokenCount: usage!.input, totalTokenCount: usage!.total });
}

const partsOf = (told: GenerateContentResponse): Part[] => told.candidates?.[0]?.content?.parts ?? [];

test('it reads what we write of an answer', async () => {
  await assert(
    asyncProperty(answersOf('gemini'), async (each) => {
      answer = json(codec.encodeAnswer(each).body);
      const told = await client.models.generateContent({ model: 'm', contents: 'hi' });
      expectSaid(partsOf(told), each);
      expectEnd(told, each);
    }),
    RUNS,
  );
});

test('it reads what we write of a stream', async () => {
  await assert(
    asyncProperty(answersOf('gemini'), async (each) => {
      const encoder = codec.encodeStream();
      const text =
        toldBitByBit(each, [3, 5])
          .map((event) => encoder.push(event))
          .join('') + encoder.end();
      answer = { type: 'text/event-stream', text };
      const heard: GenerateContentResponse[] = [];
      for await (const chunk of await client.models.generateContentStream({ model: 'm', contents: 'hi' })) heard.push(chunk);
      expectSaid(heard.flatMap(partsOf), each);
      expectEnd(heard.at(-1)!, each);
    }),
    RUNS,
  );
});
