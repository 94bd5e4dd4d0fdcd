import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { temporaryFolder } from '../gateway/ledger/ledger.fixture.ts';
import { start, tierkit } from './command.fixture.ts';

const ANSWER = {
  id: 'CANARY-answer',
  model: 'gpt-4o-2024-08-06',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'CANARY-content' } }],
  usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15, prompt_tokens_details: { cached_tokens: 4 } },
};

/** A provider; a model whose name has "bad" in it gets an error. */
async function provider(): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (data: Buffer) => (body += data.toString()));
    request.on('end', () => {
      const isBad = body.includes('"bad');
      response.writeHead(isBad ? 400 : 200, { 'content-type': 'application/json', 'x-provider': 'CANARY-header' });
      response.end(JSON.stringify(isBad ? { error: { message: 'CANARY-error' } } : ANSWER));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

test('a tier one that runs writes a row for each request, and nothing of its content or credentials', async () => {
  const folder = join(temporaryFolder(), 'ledger');
  const env = { OPENAI_API_KEY: 'sk-CANARY-key', OPENAI_BASE_URL: await provider() };
  const gateway = start(['run', '--port', '0', '--admin-port', '0', '--ledger', folder], env);
  onTestFinished(() => void gateway.child.kill('SIGKILL'));
  await gateway.said(/ready; admin on /);
  const url = /listening on (http:\S+)/.exec(gateway.stderr())![1]!;
  for (const model of ['gpt-4o', 'bad-model']) {
    await fetch(`${url}/v1/chat/completions?query=CANARY-query`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer CANARY-client',
        cookie: 'CANARY-cookie',
        'x-request-id': `id-${model}`,
      },
      body: JSON.stringify({ model, user: 'CANARY-user', messages: [{ role: 'user', content: 'CANARY-prompt' }] }),
    }).then((response) => response.text());
  }
  gateway.child.kill('SIGTERM');
  expect(await gateway.ended).toBe(0);
  const text = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  expect(text).not.toContain('CANARY');
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(rows).toEqual([
    expect.objectContaining({
      request_id: 'id-gpt-4o',
      model: 'gpt-4o',
      response_model: 'gpt-4o-2024-08-06',
      status: 200,
      complete: true,
      attempts: 1,
      tokens: { input: 12, cached_input: 4, output: 3, total: 15 },
      provenance: 'reported',
      price: 'none',
    }),
    expect.objectContaining({ request_id: 'id-bad-model', status: 400, provenance: 'none' }),
  ]);
  const { stdout } = await tierkit(['ledger', 'report', folder, '--by', 'model', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ total: { requests: 2, unpriced: 1, tokens: { input: 12, output: 3, total: 15 } } });
});
