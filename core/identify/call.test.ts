import { Pool } from 'undici';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { call, type Call, Unsendable } from './call.ts';
import { type Running, serve } from './identify.fixture.ts';

let server: Running;
let pool: Pool;
beforeEach(async () => {
  server = await serve((request, response) => {
    if (request.url !== '/hang') response.end();
  });
  pool = new Pool(server.url, { connections: 1, headersTimeout: 0, bodyTimeout: 0 });
});
afterEach(async () => {
  await pool.destroy();
  await server.close();
});

const good: Call = { method: 'GET', path: '/', headers: ['a', 'b\t\u00ff'] };
const status = async (request: Call): Promise<number> => {
  const { statusCode, body } = await call(pool, request, 1000);
  await body.dump();
  return statusCode;
};

it.each<Partial<Call>>([
  { method: 'G T' },
  { path: '/a b' },
  { path: '/\u20ac' },
  { path: '/a\n' },
  { headers: ['a', 'b\r\nc: d'] },
  { headers: ['a', '\u20ac'] },
  { headers: ['a', '\0'] },
])('refuses %j and keeps the connection usable', async (bad) => {
  await expect(call(pool, { ...good, ...bad }, 1000)).rejects.toThrow(Unsendable);
  expect(await status(good)).toBe(200);
  expect(server.seen).toHaveLength(1);
});

it('ends in time while another request has the only connection, which is free again after that', async () => {
  const ended: string[] = [];
  const end = (request: Call, timeoutMs: number): Promise<unknown> =>
    call(pool, request, timeoutMs).catch((error: unknown) => ended.push(`${(error as Error).name} after ${timeoutMs}`));
  await Promise.all([end({ ...good, path: '/hang' }, 300), end(good, 30)]);
  expect(ended).toEqual(['TimeoutError after 30', 'TimeoutError after 300']);
  expect(await status(good)).toBe(200);
});
