/**
 * The upstream that comes with the quickstart: a small process that speaks the APIs of OpenAI, Anthropic and Cohere, so that
 * the gateway can be tried without a key. There is no model behind it, and every answer says so.
 *
 * @example node examples/quickstart/upstream.ts --port 8700
 */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { speech, transcription } from './upstream/audio.ts';
import { chatCompletions } from './upstream/chat.ts';
import { completions } from './upstream/completions.ts';
import { embeddings } from './upstream/embeddings.ts';
import { ApiError, type Dialect, errorBody, type Handler } from './upstream/http.ts';
import { imageGenerations } from './upstream/images.ts';
import { countMessageTokens, messages } from './upstream/messages.ts';
import { listModels } from './upstream/models.ts';
import { rerank } from './upstream/rerank.ts';
import { countResponseTokens, responses } from './upstream/responses.ts';
import { send, sendJson } from './upstream/send.ts';
import { tokenize } from './upstream/tokenize.ts';

export interface UpstreamOptions {
  /** @default 8700; 0 takes a free one. */
  readonly port?: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** Asked for as `Authorization: Bearer` on the OpenAI API; without it that API is open. */
  readonly openaiKey?: string;
  /** Asked for as `x-api-key` on the Anthropic API; without it that API is open. */
  readonly anthropicKey?: string;
  /** Asked for as `Authorization: Bearer` on the Cohere API; without it that API is open. */
  readonly cohereKey?: string;
  /** Milliseconds between two events of a stream. @default 15 */
  readonly paceMs?: number;
}

interface Route {
  readonly dialect: Dialect;
  readonly answer: Handler;
}

const routes: Readonly<Record<string, Route>> = {
  'POST /v1/chat/completions': { dialect: 'openai', answer: chatCompletions },
  'POST /v1/completions': { dialect: 'openai', answer: completions },
  'POST /v1/embeddings': { dialect: 'openai', answer: embeddings },
  'POST /v1/responses': { dialect: 'openai', answer: responses },
  'POST /v1/responses/input_tokens': { dialect: 'openai', answer: countResponseTokens },
  'POST /v1/images/generations': { dialect: 'openai', answer: imageGenerations },
  'POST /v1/audio/speech': { dialect: 'openai', answer: speech },
  'POST /v1/audio/transcriptions': { dialect: 'openai', answer: transcription('transcription') },
  'POST /v1/audio/translations': { dialect: 'openai', answer: transcription('translation') },
  'POST /tokenize': { dialect: 'openai', answer: tokenize },
  'POST /v1/messages': { dialect: 'anthropic', answer: messages },
  'POST /v1/messages/count_tokens': { dialect: 'anthropic', answer: countMessageTokens },
  'POST /v2/rerank': { dialect: 'cohere', answer: rerank },
};

const DEFAULT_PORT = 8700;
const DEFAULT_PACE_MS = 15;
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Starts listening; `close` ends open streams too. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, reply) => {
    serve(request, reply, options).catch((error: unknown) => {
      // A body that breaks off is the caller's doing.
      if (request.complete) console.error('example upstream:', error);
      reply.destroy();
    });
  });
  server.listen(options.port ?? DEFAULT_PORT, options.host ?? '127.0.0.1');
  // Rejects with the server's error, such as a port that is taken.
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(request: IncomingMessage, reply: ServerResponse, options: UpstreamOptions): Promise<void> {
  const requestId = `req_${randomUUID().replaceAll('-', '')}`;
  reply.setHeader('x-request-id', requestId);
  reply.setHeader('request-id', requestId);
  const target = `${request.method} ${(request.url ?? '/').split('?', 1)[0]}`;
  const spokenByHeader: Dialect = request.headers['anthropic-version'] === undefined ? 'openai' : 'anthropic';
  // Both APIs list their models at the same path.
  const route = target === 'GET /v1/models' ? { dialect: spokenByHeader, answer: listModels } : routes[target];
  const dialect = route?.dialect ?? spokenByHeader;
  try {
    if (route === undefined) throw new ApiError(404, `The bundled example upstream does not serve ${target}.`);
    checkKey(request, dialect, options);
    const answer = await route.answer({ headers: request.headers, body: await readBody(request) });
    await send(reply, answer, options.paceMs ?? DEFAULT_PACE_MS);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The rest of a body that nobody reads would be taken for the next request.
    if (!request.complete) reply.setHeader('connection', 'close');
    sendJson(reply, error.status, errorBody(dialect, error, requestId));
  }
}

function checkKey(request: IncomingMessage, dialect: Dialect, options: UpstreamOptions): void {
  const expected = { openai: options.openaiKey, anthropic: options.anthropicKey, cohere: options.cohereKey }[dialect];
  if (expected === undefined) return;
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const given = dialect === 'anthropic' ? request.headers['x-api-key'] : bearer;
  if (typeof given === 'string' && sameText(given, expected)) return;
  const place = dialect === 'anthropic' ? 'x-api-key' : 'Authorization: Bearer';
  const problem = given === undefined ? 'No API key in the header' : 'The API key is wrong in the header';
  throw new ApiError(401, `${problem} ${place}.`, { code: 'invalid_api_key' });
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

async function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A refusal must not destroy the connection that has to carry it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new ApiError(413, `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: String(DEFAULT_PORT) },
      host: { type: 'string', default: '127.0.0.1' },
      'pace-ms': { type: 'string', default: String(DEFAULT_PACE_MS) },
      'openai-key': { type: 'string' },
      'anthropic-key': { type: 'string' },
      'cohere-key': { type: 'string' },
    },
  });
  const { 'openai-key': openaiKey, 'anthropic-key': anthropicKey, 'cohere-key': cohereKey } = values;
  const upstream = await startUpstream({
    port: wholeNumber('--port', values.port),
    host: values.host,
    paceMs: wholeNumber('--pace-ms', values['pace-ms']),
    ...(openaiKey === undefined ? {} : { openaiKey }),
    ...(anthropicKey === undefined ? {} : { anthropicKey }),
    ...(cohereKey === undefined ? {} : { cohereKey }),
  });
  // Before the line is logged: whoever waits for it may stop the process at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void upstream.close());
  console.log(`example upstream on http://${values.host}:${upstream.port} (APIs of OpenAI, Anthropic, Cohere; no model behind it)`);
}

function wholeNumber(flag: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new Error(`${flag}: "${value}" is not a whole number`);
  return Number(value);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    console.error(`example upstream: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
