import { Server, ServerCredentials } from '@grpc/grpc-js';

import { splitChunks } from './chunks.ts';
import { EppClient } from './client.ts';
import type { EppClientOptions } from './client.ts';
import type { EppExchange } from './exchange.ts';
import { fromHeaderMap, toMutation } from './header-edit.ts';
import { listen } from './health.ts';
import { externalProcessor } from './messages.ts';
import type { ProcessingRequest, ProcessingResponse } from './messages.ts';
import type { Picked, PickOutcome } from './request-side.ts';
import type { EppServerCall } from './served-exchange.ts';
import type { AnswerWatch, ServedInfo } from './served-pick.ts';
import { toStruct } from './struct.ts';

export const HEADERS: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':path', '/v1/chat/completions'],
  [':authority', 'models.test'],
  ['content-type', 'application/json'],
];

/** A picker that a test writes by hand, message by message. */
export interface FakePicker {
  readonly address: string;
  /** Drops every connection at once, as a killed process does. */
  kill(): void;
}

export async function fakePicker(onCall: (call: EppServerCall) => void, credentials?: ServerCredentials): Promise<FakePicker> {
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  server.addService(externalProcessor, {
    Process: (call: EppServerCall): void => {
      call.on('error', () => {});
      onCall(call);
    },
  });
  const port = await listen(server, '127.0.0.1', 0, credentials ?? ServerCredentials.createInsecure());
  return { address: `127.0.0.1:${port}`, kill: () => server.forceShutdown() };
}

/** A picker that answers each message by a function. */
export function answering(answer: (message: ProcessingRequest, call: EppServerCall) => ProcessingResponse[]): Promise<FakePicker> {
  return fakePicker((call) => {
    call.on('data', (message: ProcessingRequest) => {
      for (const reply of answer(message, call)) call.write(reply);
    });
    call.on('end', () => call.end());
  });
}

/** The reply that names endpoints both ways. */
export function pickReply(destination: string, extra: readonly (readonly [string, string])[] = []): ProcessingResponse {
  return {
    requestHeaders: {
      response: { clearRouteCache: true, headerMutation: toMutation([['x-gateway-destination-endpoint', destination], ...extra]) },
    },
    dynamicMetadata: toStruct({ 'envoy.lb': { 'x-gateway-destination-endpoint': destination } }),
  };
}

/** lwepp's way, as the real one does it: an empty reply for every body message, and the headers' reply before the last of them. */
export function lweppDialect(destination: string): (message: ProcessingRequest) => ProcessingResponse[] {
  return (message) => {
    if (message.requestHeaders !== undefined) return message.requestHeaders.endOfStream === true ? [pickReply(destination)] : [];
    if (message.requestBody !== undefined) {
      const answer = { requestBody: { response: {} } };
      return message.requestBody.endOfStream === true ? [pickReply(destination), answer] : [answer];
    }
    if (message.responseHeaders !== undefined) return [{ responseHeaders: { response: {} } }];
    if (message.responseBody !== undefined) return [{ responseBody: { response: {} } }];
    return [{ responseTrailers: {} }];
  };
}

/** A picker that decides at the headers, and lets the body pass: what Envoy's own order of messages suits best. */
export function earlyDialect(destination: string): (message: ProcessingRequest) => ProcessingResponse[] {
  return (message) => {
    if (message.requestHeaders !== undefined) return [pickReply(destination)];
    return message.requestBody === undefined ? lweppDialect(destination)(message) : [{ requestBody: { response: {} } }];
  };
}

/**
 * llm-d-router's way: nothing before the whole body is there; then the headers with every header again and a content length, and the
 * body in chunks of its own. Responses: event streams chunk by chunk, others when they are whole.
 */
export function llmdDialect(
  destination: string,
  rewrite: (body: Buffer) => Buffer = (body) => body,
  rewriteResponse: (body: Buffer) => Buffer = (body) => body,
): () => (message: ProcessingRequest) => ProcessingResponse[] {
  return () => {
    let headers: (readonly [string, string])[] = [];
    const body: Buffer[] = [];
    const response: Buffer[] = [];
    let events = false;
    const decide = (): ProcessingResponse[] => {
      const changed = rewrite(Buffer.concat(body));
      const again = headers.filter(([name]) => !name.startsWith(':'));
      return [
        pickReply(destination, [...again, ['content-length', String(changed.length)]]),
        ...streamed(changed, true).map((piece) => ({ requestBody: piece })),
      ];
    };
    return (message) => {
      if (message.requestHeaders !== undefined) {
        headers = fromHeaderMap(message.requestHeaders.headers);
        return message.requestHeaders.endOfStream === true ? [pickReply(destination)] : [];
      }
      if (message.requestBody !== undefined) {
        body.push(message.requestBody.body ?? Buffer.alloc(0));
        return message.requestBody.endOfStream === true ? decide() : [];
      }
      if (message.responseHeaders !== undefined) {
        events = fromHeaderMap(message.responseHeaders.headers).some(([, value]) => value.startsWith('text/event-stream'));
        return [{ responseHeaders: { response: { headerMutation: toMutation([['x-went-into-resp-headers', 'true']]) } } }];
      }
      if (message.responseBody !== undefined) {
        const { body: chunk = Buffer.alloc(0), endOfStream = false } = message.responseBody;
        if (events) return streamed(rewriteResponse(chunk), endOfStream).map((piece) => ({ responseBody: piece }));
        response.push(chunk);
        return endOfStream ? streamed(rewriteResponse(Buffer.concat(response)), true).map((piece) => ({ responseBody: piece })) : [];
      }
      return [{ responseTrailers: {} }];
    };
  };
}

export function streamed(body: Buffer, end: boolean): NonNullable<ProcessingResponse['requestBody']>[] {
  const chunks = [...splitChunks(body)];
  return chunks.map((chunk, index) => ({
    response: { bodyMutation: { streamedResponse: { body: chunk, endOfStream: end && index === chunks.length - 1 } } },
  }));
}

/** Answers with a fresh state for every call. */
export function perCall(make: () => (message: ProcessingRequest) => ProcessingResponse[]): Promise<FakePicker> {
  return fakePicker((call) => {
    const answer = make();
    call.on('data', (message: ProcessingRequest) => {
      for (const reply of answer(message)) call.write(reply);
    });
    call.on('end', () => call.end());
  });
}

/** What a server was shown of answers. */
export class Seen {
  readonly answers: { readonly info: ServedInfo; body: string }[] = [];
  readonly ends: string[] = [];

  watch(): AnswerWatch {
    let answer: Seen['answers'][number] | undefined;
    return {
      head: (info) => {
        answer = { info, body: '' };
        this.answers.push(answer);
      },
      data: (chunk) => {
        answer!.body += chunk.toString();
      },
      end: (how) => this.ends.push(how),
    };
  }
}

export function clientOf(address: string, options: Partial<EppClientOptions> = {}): EppClient {
  return new EppClient({ address, tls: 'plaintext', mode: 'full-duplex', messageTimeoutMs: 5000, connectTimeoutMs: 5000, ...options });
}

export async function pickWith(exchange: EppExchange, body: Buffer): Promise<PickOutcome> {
  const [outcome] = await Promise.all([exchange.picked, exchange.requestBody(body)]);
  return outcome;
}

export function asPicked(outcome: PickOutcome): Picked {
  if (outcome.kind !== 'picked') throw new Error(`not a pick: ${outcome.status} ${outcome.body.toString()}`);
  return outcome;
}

export async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

export async function* sourceOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    await new Promise((resolve) => setImmediate(resolve));
    yield chunk;
  }
}
