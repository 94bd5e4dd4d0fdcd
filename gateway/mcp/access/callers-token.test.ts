import { ANYONE, type Identity } from '#core/identify/identity';
import { ExchangedTokens } from '#core/providers/credentials/exchanged-tokens';
import type { OAuth } from '#core/resources/ai-gateway/mcp-oauth';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { CallerUnknown } from '../wire/rpc-error.ts';
import { type CallerParts, ExchangingCaller } from './callers-token.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const OAUTH: OAuth = {
  issuer: 'https://issuer.example',
  protectedResourceMetadata: { resource: 'https://gw.example/mcp', scopesSupported: ['read'] },
};
const WHERE = 'scope="read", resource_metadata="https://gw.example/.well-known/oauth-protected-resource/mcp"';

function caller(identity: Identity, oauth: OAuth | undefined) {
  const asked: string[] = [];
  const exchange = new ExchangedTokens('TokenExchange n/x', (text) => {
    asked.push(text);
    return Promise.resolve({ value: `for ${text}`, expiresAt: Date.now() + 3_600_000 });
  });
  const request = { method: 'POST', path: '/mcp', query: '', host: '', address: '', headers: {}, identity };
  const security = { textOf: () => 'text' } as unknown as CallerParts['security'];
  const token = new ExchangingCaller({ request, security, oauth, path: '/mcp' }).at({ name: 'git', exchange })!;
  const get = () => token.get(new AbortController().signal);
  return { asked, token, get };
}

/** @param exp in seconds from now */
const ann = (exp?: number): Identity => ({
  clientId: 'ann',
  headers: [],
  token: { provider: 'p', claims: exp === undefined ? {} : { exp: Date.now() / 1000 + exp } },
});
const refusalOf = async (get: () => Promise<string>): Promise<CallerUnknown> => {
  const error: unknown = await get().catch((thrown: unknown) => thrown);
  if (!(error instanceof CallerUnknown)) throw new Error('it was not refused', { cause: error });
  return error;
};

test('a caller is known by his token, of which nothing is told', async () => {
  const { asked, token, get } = caller(ann(), OAUTH);
  expect(await get()).toBe('for text');
  expect(token.caller).toMatch(/^[\w+/]{43}=$/);
  token.forget('another');
  await get();
  expect(asked).toHaveLength(1);
  token.forget('for text');
  await get();
  expect(asked).toHaveLength(2);
});

test('who has no token is told where to get one, if that is known', async () => {
  const error = await refusalOf(caller(ANYONE, OAUTH).get);
  expect(error).toMatchObject({ httpStatus: 401, headers: { 'www-authenticate': `Bearer ${WHERE}` }, hasLapsed: false, code: -32012 });
  expect(await refusalOf(caller(ANYONE, undefined).get)).toMatchObject({ httpStatus: 403, headers: {} });
});

test('a token that has ended meanwhile is not exchanged', async () => {
  const { asked, get } = caller(ann(3600), OAUTH);
  await get();
  vi.advanceTimersByTime(3_660_000);
  const challenge = `Bearer error="invalid_token", error_description="it has expired", ${WHERE}`;
  expect(await refusalOf(get)).toMatchObject({ httpStatus: 401, headers: { 'www-authenticate': challenge }, hasLapsed: true });
  expect(asked).toHaveLength(1);
});

test('a call that is given up does not wait for a token', async () => {
  const { asked, token } = caller(ann(), OAUTH);
  const left = new AbortController();
  const waiting = token.get(left.signal);
  left.abort();
  await expect(waiting).rejects.toMatchObject({ kind: 'aborted' });
  await expect(token.get(left.signal)).rejects.toMatchObject({ kind: 'aborted' });
  expect(asked).toHaveLength(1);
});
