import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Tokens of the prompt, as this backend counts them. */
const INPUT = 10;

/** What a backend says of itself. */
export interface Spent {
  requests: number;
  /** Tokens that were generated, and their prompts, whether or not anybody was there to take them. */
  tokens: number;
}

export interface GreedyUpstream {
  readonly port: number;
  readonly spent: Spent;
  close(): Promise<void>;
}

/**
 * A model API whose answers are as long as they may be: `max_tokens`, one token an event in a stream. It counts what it generates: that is
 * what a provider would bill.
 *
 * @param pauseMs between two tokens of a stream, and before an answer in one piece
 */
export async function startGreedyUpstream(pauseMs: number): Promise<GreedyUpstream> {
  const spent: Spent = { requests: 0, tokens: 0 };
  const server = createServer((request, response) => void serve(request, response, spent, pauseMs));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    spent,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, spent: Spent, pauseMs: number): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString()) as { max_tokens?: number; max_completion_tokens?: number; stream?: boolean };
  const most = body.max_tokens ?? body.max_completion_tokens ?? 100;
  spent.requests++;
  spent.tokens += INPUT;
  const usage = { prompt_tokens: INPUT, completion_tokens: most, total_tokens: INPUT + most };
  if (body.stream !== true) {
    await pause(pauseMs);
    spent.tokens += most;
    const message = { role: 'assistant', content: 'word '.repeat(most) };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ model: 'm', choices: [{ index: 0, message, finish_reason: 'length' }], usage }));
    return;
  }
  response.setHeader('content-type', 'text/event-stream');
  for (let token = 0; token < most; token++) {
    if (response.destroyed) return;
    spent.tokens++;
    response.write(`data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta: { content: `word${token} ` } }] })}\n\n`);
    await pause(pauseMs);
  }
  response.write(`data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'length' }] })}\n\n`);
  response.write(`data: ${JSON.stringify({ model: 'm', choices: [], usage })}\n\n`);
  response.end('data: [DONE]\n\n');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
