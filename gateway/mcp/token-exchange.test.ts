// Servers that are called in the name of callers, with tokens that are meant for them (RFC 8693).
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { formOf } from '#core/providers/credentials/token-server.fixture';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { startGateway } from '../gateway.fixture.ts';
import { byKey, callerOf, type Exchanging, exchanging, GIVES, GIVES_SHORT, refusal, shownTo, subjectOf } from './exchange.fixture.ts';
import { closeAfterEach, opening, server } from './opening.fixture.ts';
import { initialize, type RawAnswer } from './raw-client.fixture.ts';
import { idOf } from './scripted.fixture.ts';
import { answer, events, response } from './upstream/fake-server.fixture.ts';

closeAfterEach();
afterEach(() => {
  vi.useRealTimers();
});

const errorOf = ({ status, headers, message }: RawAnswer) => ({ status, challenge: headers['www-authenticate'], ...message.error });

/** Nothing of a token is told to anybody. */
async function expectSilence({ gateway }: Exchanging, ...answers: readonly RawAnswer[]): Promise<void> {
  const config = await (await fetch(`${gateway.adminUrl}/config`)).text();
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const said = [config, metrics, JSON.stringify(gateway.accessLog), gateway.log.join('\n'), ...answers.map(({ text }) => text)];
  for (const text of said) expect(text).not.toContain('canary');
}

describe('a session', () => {
  test('is in the name of the caller, from its beginning to its end', async () => {
    const [git, other] = await Promise.all([
      server('git', { GET: events(['id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'], { close: 'hang' }) }),
      server('other'),
    ]);
    const made = await exchanging([git, other], {
      exchange: ", servers: [git], audience: git, resource: 'https://git.example/mcp', scopes: [read, write]",
    });
    const session = await initialize(made.mcp, await callerOf('ann'));
    const listed = await session.ask('tools/list');
    const called = await session.ask('tools/call', { name: 'git__echo' });
    const stream = await session.stream();
    await vi.waitFor(() => expect(stream.messages).toHaveLength(1));
    stream.close();
    expect((await session.delete()).status).toBe(204);
    await vi.waitFor(() => expect(git.seen.at(-1)!.method).toBe('DELETE'));

    expect(called.message.result).toMatchObject({ content: [{ text: 'git' }] });
    expect(new Set(git.seen.map(({ method }) => method))).toEqual(new Set(['POST', 'GET', 'DELETE']));
    expect(shownTo(git)).toEqual(['Bearer canary-ann-1']);
    expect(shownTo(other)).toEqual([undefined]);
    expect(made.asked).toHaveLength(1);
    expect(made.asked[0]!.headers.authorization).toBe(`Basic ${Buffer.from('tierkit:canary-secret').toString('base64')}`);
    expect(formOf(made.asked[0]!)).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'git',
      resource: 'https://git.example/mcp',
      scope: 'read write',
    });
    await expectSilence(made, listed, called);
    const metrics = await (await fetch(`${made.gateway.adminUrl}/metrics`)).text();
    expect(metrics).toContain('tierkit_credential_fetches_total{policy="default/x",type="TokenExchange",result="ok"} 1');
    expect(await (await fetch(`${made.gateway.adminUrl}/config`)).text()).toContain('TokenExchange default/x');
  });

  test('of another caller is in his name, and many of one need one token', async () => {
    const git = await server('git');
    const { mcp, asked } = await exchanging([git]);
    const [ann, bob] = await Promise.all([callerOf('ann'), callerOf('bob')]);
    const sessions = await Promise.all(Array.from({ length: 20 }, () => initialize(mcp, ann)));
    expect(asked).toHaveLength(1);
    const his = await initialize(mcp, bob);
    await Promise.all([...sessions, his].map((session) => session.ask('tools/call', { name: 'echo' })));
    expect(asked.map(subjectOf)).toEqual(['ann', 'bob']);
    expect(git.of('tools/call').filter(({ headers }) => headers['authorization'] === 'Bearer canary-bob-2')).toHaveLength(1);
    expect(shownTo(git)).toEqual(['Bearer canary-ann-1', 'Bearer canary-bob-2']);
  });

  test('goes on with another token once one has ended', async () => {
    const git = await server('git');
    const { mcp, asked } = await exchanging([git], { answer: GIVES_SHORT });
    const session = await initialize(mcp, await callerOf('ann'));
    const before = asked.length;
    await session.ask('tools/call', { name: 'echo' });
    expect(asked).toHaveLength(before + 1);
    expect(git.seen.at(-1)!.headers.authorization).toBe(`Bearer canary-ann-${asked.length}`);
  });
});

/** @param isGood whether the server takes a token */
function choosy(isGood: (token: string) => boolean): ReturnType<typeof server> {
  return server('git', {
    'tools/call': (reply, seen) =>
      isGood(seen.headers.authorization!)
        ? answer(200, response(idOf(seen.body), { content: [{ type: 'text', text: 'good' }] }))(reply, seen)
        : answer(401, '', { 'www-authenticate': 'Bearer error="invalid_token"' })(reply, seen),
  });
}

describe('a server that does not take a token', () => {
  test('is called once more with a new one, which all who wait share', async () => {
    const git = await choosy((token) => !token.endsWith('ann-1'));
    const { mcp, asked } = await exchanging([git]);
    const session = await initialize(mcp, await callerOf('ann'));
    const called = await Promise.all(Array.from({ length: 5 }, () => session.ask('tools/call', { name: 'echo' })));
    for (const { message } of called) expect(message.result).toMatchObject({ content: [{ text: 'good' }] });
    expect(asked).toHaveLength(2);
  });

  test('and not a new one either, is given up', async () => {
    const git = await choosy(() => false);
    const made = await exchanging([git]);
    const session = await initialize(made.mcp, await callerOf('ann'));
    const called = await session.ask('tools/call', { name: 'echo' });
    expect(errorOf(called)).toEqual({
      status: 200,
      challenge: undefined,
      code: -32010,
      message: 'MCP server git: the server answered with status 401',
    });
    expect(git.of('tools/call')).toHaveLength(2);
    expect(made.asked).toHaveLength(2);
    await expectSilence(made, called);
  });
});

describe('where there is no token for a server', () => {
  test('a caller whom the authorization server refuses is told so, and keeps the other servers', async () => {
    const [git, other] = await Promise.all([server('git'), server('other')]);
    const made = await exchanging([git, other], { answer: () => refusal('invalid_target') });
    const session = await initialize(made.mcp, await callerOf('ann'));
    const called = await session.ask('tools/call', { name: 'git__echo' });
    expect(errorOf(called)).toEqual({
      status: 403,
      challenge: undefined,
      code: -32012,
      message: 'MCP server git: the authorization server gives the caller no token for it (invalid_target)',
    });
    const listed = await session.ask('tools/list');
    expect(listed.message.result).toMatchObject({ _meta: { 'tierkit.dev/partial': ['git'] }, tools: [{ name: 'other__echo' }] });
    expect(git.seen).toEqual([]);
    expect(made.asked).toHaveLength(1);
    expect(made.gateway.log.join('\n')).toMatch(
      /TokenExchange default\/x: a caller’s token was not exchanged: \S+ answered with status 400 \(invalid_target\)/,
    );
    await expectSilence(made, called, listed);
  });

  test('an authorization server that is away is like a server that is away', async () => {
    const git = await server('git');
    let isAway = true;
    const made = await exchanging([git], { answer: (one, count) => (isAway ? refusal('server_error', 503) : GIVES(one, count)) });
    const caller = await callerOf('ann');
    const refused = await initialize(made.mcp, caller);
    expect(errorOf(refused.hello)).toEqual({
      status: 200,
      challenge: undefined,
      code: -32010,
      message: 'MCP server git: no token for it can be had now',
    });
    expect(made.gateway.log.join('\n')).toContain('TokenExchange default/x: no token can be had: ');
    isAway = false;
    await vi.waitFor(async () => expect((await initialize(made.mcp, caller)).hello.message.result).toBeDefined(), { timeout: 10_000 });
    await expectSilence(made, refused.hello);
  });

  test('a caller who came with a key alone does not reach it', async () => {
    const [git, other] = await Promise.all([server('git'), server('other')]);
    const made = await exchanging([git, other], { route: '', more: byKey(true) });
    const session = await initialize(made.mcp, { 'x-key': 'k1' });
    expect(errorOf(await session.ask('tools/call', { name: 'git__echo' }))).toEqual({
      status: 403,
      challenge: undefined,
      code: -32012,
      message: 'MCP server git: it is called in the name of the caller, who came without a token',
    });
    expect((await session.ask('tools/call', { name: 'other__echo' })).message.result).toBeDefined();
    expect(made.asked).toEqual([]);
    expect(git.seen).toEqual([]);
  });
});

describe('a reload', () => {
  test('leaves the tokens as they are, unless it changes what they are asked for with', async () => {
    const git = await server('git');
    const { yaml, asked } = await exchanging([git]);
    const file = join(mkdtempSync(join(tmpdir(), 'exchange-')), 'all.yaml');
    writeFileSync(file, yaml);
    const gateway = await opening(startGateway({ paths: [file] }));
    const caller = await callerOf('ann');
    const session = await initialize(`${gateway.url}/mcp`, caller);
    const next = async (from: string, to: string): Promise<void> => {
      writeFileSync(file, yaml.replace(from, to));
      expect(await gateway.tier.reload('test')).toBe(true);
      expect((await session.ask('tools/call', { name: 'echo' })).status).toBe(200);
    };
    await next('name: http,', 'name: other,');
    expect(asked).toHaveLength(1);
    await next('canary-secret', 'canary-another');
    expect(asked).toHaveLength(2);
    expect(asked[1]!.headers.authorization).toBe(`Basic ${Buffer.from('tierkit:canary-another').toString('base64')}`);
    await next('servers: [git]', 'servers: [git], audience: git');
    expect(asked).toHaveLength(3);
  });
});

describe('a stream', () => {
  test('ends where it is to be opened anew and the token of the caller has ended', async () => {
    const git = await server('git', {
      GET: events(['retry: 5\nid: 1\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'], { pauseMs: 20 }),
    });
    const { mcp } = await exchanging([git]);
    const session = await initialize(mcp, await callerOf('ann'));
    const stream = await session.stream();
    // It is opened again and again, by the same token.
    await vi.waitFor(() => expect(stream.messages.length).toBeGreaterThan(1));
    expect(stream.ended).toBe(false);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_700_000 });
    await vi.waitFor(() => expect(stream.ended).toBe(true));
    expect(shownTo(git)).toEqual(['Bearer canary-ann-1']);
  });
});
