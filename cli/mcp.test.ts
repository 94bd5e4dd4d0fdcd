import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { TestGateway } from '../gateway/gateway.fixture.ts';
import { startMcp } from '../gateway/mcp/mcp.fixture.ts';
import { type Everything, startEverything } from '../gateway/mcp/upstream/everything.fixture.ts';
import { tierkit } from './command.fixture.ts';

vi.setConfig({ testTimeout: 60_000 });

let servers: Everything[];
let one: TestGateway;
let two: TestGateway;

beforeAll(async () => {
  servers = await Promise.all(['one', 'two'].map((name) => startEverything({ name })));
  const at = servers.map(({ url }, index) => ({ name: ['one', 'two'][index]!, port: Number(new URL(url).port) }));
  [one, two] = await Promise.all([startMcp(at.slice(0, 1)), startMcp(at)]);
});
afterAll(async () => {
  await Promise.all([one, two].map((gateway) => gateway.close()));
  await Promise.all(servers.map((server) => server.close()));
});

const mcp = (verb: string, { url }: TestGateway, ...more: readonly string[]) => tierkit(['mcp', verb, `${url}/mcp`, ...more]);

test('ls tells what there is, and whose', async () => {
  const { code, stdout } = await mcp('ls', two);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^KIND +SERVER +NAME\n/);
  expect(stdout).toMatch(/^tool +two +two__test_simple_text /m);
  expect(stdout).toMatch(/^prompt +one +one__test_simple_prompt /m);
  expect(stdout).toMatch(/^resource +two +two\+test:\/\/static-text /m);
  expect((await mcp('ls', one)).stdout).toMatch(/^KIND +NAME\n[^]*^tool +test_simple_text /m);
});

test('ls --json is for programs', async () => {
  const { items, partial } = JSON.parse((await mcp('ls', two, '--json')).stdout) as { items: object[]; partial: string[] };
  expect(items).toContainEqual(expect.objectContaining({ kind: 'tool', server: 'one', name: 'one__test_simple_text' }));
  expect(partial).toEqual([]);
});

test('call prints what the tool answers', async () => {
  const { code, stdout } = await mcp('call', two, 'two__test_simple_text', '{}');
  expect([code, stdout]).toEqual([0, expect.stringMatching(/simple text.*\n$/)]);
  const image = await mcp('call', one, 'test_image_content');
  expect(image.stdout).toMatch(/^\(image, image\/png, \d+ bytes\)$/m);
});

test('call has an exit code of its own for a tool that failed', async () => {
  const { code, stderr } = await mcp('call', one, 'test_error_handling');
  expect([code, stderr]).toEqual([1, expect.stringContaining('test_error_handling says that it failed')]);
});

test('inspect tells era, version and capabilities, and no session id', async () => {
  const { code, stdout } = await mcp('inspect', one);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^era +legacy \(sessions\)\nprotocol +2025-11-25\nsession +yes\ncapabilities +\{.*"tools"/m);
  expect(stdout).toMatch(/^> content-type +\S/m);
  const told = JSON.parse((await mcp('inspect', one, '--json')).stdout) as { headers: object };
  expect(told).toMatchObject({ server: { name: 'one' }, session: true });
  expect(Object.keys(told.headers)).not.toContain('mcp-session-id');
});

test.each<[string, string[], number, RegExp]>([
  ['no verb', [], 2, /say ls, call, inspect or lock\n/],
  ['an unknown verb', ['list', 'http://x'], 2, /say ls, call, inspect or lock, not "list"/],
  ['no URL', ['ls'], 2, /give the URL/],
  ['another URL', ['ls', 'ftp://x'], 2, /"ftp:\/\/x" is no http or https URL/],
  ['no tool', ['call', 'http://127.0.0.1:1'], 2, /call needs the name of a tool/],
  ['no object', ['call', 'http://127.0.0.1:1', 'a', '[]'], 2, /the arguments of a must be a JSON object/],
  ['a word too many', ['ls', 'http://127.0.0.1:1', 'a'], 2, /ls takes no "a"/],
  ['no header', ['ls', 'http://127.0.0.1:1', '--header', 'secret'], 2, /--header must be 'NAME: VALUE'\n/],
  ['nobody there', ['ls', 'http://127.0.0.1:1'], 1, /^tierkit mcp: http:\/\/127\.0\.0\.1:1: /],
])('%s', async (_, args, expected, message) => {
  const { code, stderr } = await tierkit(['mcp', ...args]);
  expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
});
