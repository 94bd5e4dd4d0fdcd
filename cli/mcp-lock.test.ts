import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test, vi } from 'vitest';

import { startGateway } from '../gateway/gateway.fixture.ts';
import { mcpYaml } from '../gateway/mcp/mcp.fixture.ts';
import { closeAfterEach, opening, server } from '../gateway/mcp/opening.fixture.ts';
import { result } from '../gateway/mcp/scripted.fixture.ts';
import { startModernEverything } from '../gateway/mcp/upstream/modern-everything.fixture.ts';
import { tierkit } from './command.fixture.ts';

vi.setConfig({ testTimeout: 60_000 });
closeAfterEach();

type Tool = Readonly<Record<string, unknown>>;

const ECHO: Tool = {
  inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
  name: 'echo',
  description: 'Says it\nagain.',
};
const SEND: Tool = { name: 'send', description: 'Sends it.' };

test('a lock is made of what is there, holds, shows what has changed since, and is made anew', async () => {
  let tools: Tool[] = [SEND, ECHO];
  const one = await server('one', { 'tools/list': (reply, seen) => result({ tools })(reply, seen) });
  const two = await opening(startModernEverything({ name: 'two' }));
  const dir = mkdtempSync(join(tmpdir(), 'lock-'));
  writeFileSync(
    join(dir, 'route.yaml'),
    mcpYaml([one, { name: 'two', port: two.port, extra: ', toolSelector: {include: [test_simple_text]}' }]),
  );
  const gateway = await opening(startGateway({ paths: [dir] }));
  const lock = (...more: readonly string[]) => tierkit(['mcp', 'lock', '--admin', gateway.adminUrl, ...more]);

  expect(await lock('--check')).toMatchObject({
    code: 1,
    stdout: 'one of default/tools is not locked\ntwo of default/tools is not locked\n',
  });
  const { code, stdout, stderr } = await lock();
  expect([code, stderr]).toEqual([0, '']);
  // To be read by people, and the same whatever the order of the server.
  expect(stdout).toMatch(
    /^ +- name: one\n +tools:\n +- name: echo\n +definition: \|-\n +\{\n +"name": "echo",\n +"description": "Says it\\nagain.",/m,
  );
  expect(stdout).toMatch(/^ +- name: two\n +tools:\n +- name: test_simple_text\n/m);
  tools = [ECHO, SEND];
  expect((await lock()).stdout).toBe(stdout);
  // Sessions that were opened for it are over.
  await vi.waitFor(() => expect(one.sessions.size).toBe(0));

  writeFileSync(join(dir, 'tools.lock.yaml'), stdout);
  expect(await gateway.tier.reload('test')).toBe(true);
  expect(await lock('--check')).toMatchObject({ code: 0, stdout: 'all tools are what was accepted\n' });

  tools = [{ ...ECHO, description: 'Says it, and sends it.' }, { name: 'new' }];
  expect(await lock('--check', '--route', 'default/tools')).toMatchObject({
    code: 1,
    stdout: `~ echo of one of default/tools: is not what was accepted
    description
    - "Says it\\nagain."
    + "Says it, and sends it."
+ new of one of default/tools: nobody has accepted it
    {
      "name": "new"
    }
- send of one of default/tools: accepted, and not there any more
`,
  });
});

test('no lock is written that would leave out a server', async () => {
  const [one, two] = await Promise.all([server('one'), server('two')]);
  const gateway = await opening(startGateway({ yaml: mcpYaml([one, two]) }));
  await two.close();
  const lock = (...more: readonly string[]) => tierkit(['mcp', 'lock', '--admin', gateway.adminUrl, ...more]);
  const { code, stdout, stderr } = await lock();
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/no lock is written: two of default\/tools could not be asked: /);
  expect((await lock('--check')).stdout).toMatch(/^two of default\/tools could not be asked: /m);
  expect((await lock('--route', 'default/tool')).stderr).toContain('the gateway has no MCPRoute default/tool');
});

test.each([
  [['lock', 'http://127.0.0.1:1975/mcp'], 'lock asks a gateway by its admin address'],
  [['ls', 'http://127.0.0.1:1/mcp', '--check'], '--check is for lock'],
  [['lock', '--admin', 'x'], '--admin must be a URL such as http://127.0.0.1:1064, not "x"'],
  [['lock', '--admin', 'http://127.0.0.1:1'], 'no tier one answers at http://127.0.0.1:1'],
  [['lok'], 'say ls, call, inspect or lock, not "lok"'],
])('%s is refused', async (args, why) => {
  const { code, stderr } = await tierkit(['mcp', ...args]);
  expect(code).toBeGreaterThan(0);
  expect(stderr).toContain(why);
});
