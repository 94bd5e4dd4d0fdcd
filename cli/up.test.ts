import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { alive, type EventOf, freePort, until } from '../infra/local/children.fixture.ts';
import { EXAMPLE } from '../infra/local/configuration.ts';
import { type Running, start, tierkit } from './command.fixture.ts';
import { ANY_PORTS, chat, noneListens, nothingIsLeft, startUp } from './up.fixture.ts';

let folder: string;
/** Where the platform makes its own folder, to see what it leaves. */
let temporary: string;
const started: Running[] = [];

function up(...args: string[]) {
  const platform = startUp(temporary, args);
  started.push(platform);
  return platform;
}

describe('tierkit up', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tierkit-up-test-'));
    temporary = join(folder, 'temporary');
    mkdirSync(temporary);
  });

  afterEach(async () => {
    // Its children notice, and end as well.
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    rmSync(folder, { recursive: true, force: true });
  });

  test('both tiers answer, what is killed comes back, and Ctrl-C leaves nothing behind', { timeout: 60_000 }, async () => {
    const platform = up('--speed', '20');
    const { services, curl } = await platform.next('up');
    const ports = platform.ports();
    expect(new Set(ports).size).toBe(7);
    const url = services[0]!.where;
    for (const model of ['demo-small', 'demo-small-sql', 'demo-large']) {
      const response = await chat(url, model);
      expect([response.status, ((await response.json()) as { model: string }).model]).toEqual([200, model]);
    }

    const [, target, body] = /^curl -s (\S+) -H 'content-type: application\/json' \\\n {2}-d '([^']+)'$/.exec(curl!)!;
    const pasted = await fetch(target!, { method: 'POST', headers: { 'content-type': 'application/json' }, body: body! });
    expect([pasted.status, (await pasted.json()) as object]).toEqual([200, expect.objectContaining({ object: 'chat.completion' })]);

    process.kill(platform.pidOf('pods-large'), 'SIGKILL');
    expect(await platform.next('crashed', 'pods-large')).toMatchObject({ signal: 'SIGKILL', wasReady: true });
    await platform.next('ready', 'pods-large', 2);
    // Tier two sees for itself when the pod is back.
    await until(async () => (await chat(url, 'demo-large')).status === 200);

    platform.child.kill('SIGINT');
    expect(await platform.ended).toBe(0);
    expect(platform.of('stopped').map((event) => event.process)).toEqual(['tier-one', 'tier-two', ...expectPods(platform.of('stopped'))]);
    expect(platform.of('stopped').filter(({ killed }) => killed)).toEqual([]);
    await nothingIsLeft(platform, temporary, ports);
    expect(platform.stderr()).toBe('');
  });

  test('people see what comes up, which port has moved, and where everything is', { timeout: 60_000 }, async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    const running = start(['up', ...ANY_PORTS, '--port', String(port)], { TMPDIR: temporary });
    started.push(running);
    try {
      await until(() => running.stdout().includes('Ctrl-C stops all of it.'));
      const text = running.stdout();
      expect(text).toMatch(new RegExp(`^tier-one +port {2}${port} taken: takes \\d+$`, 'm'));
      for (const name of ['pods-small', 'pods-large', 'tier-two', 'tier-one'])
        expect(text).toMatch(new RegExp(`^${name} +ready {2}\\d+\\.\\d s$`, 'm'));
      expect(text).toMatch(/\n {2}tier-one {5}http:\/\/127\.0\.0\.1:\d+\/v1 /);
      expect(text).not.toContain('\u001B');
      // npm hands on a Ctrl-C that has come from the terminal already.
      running.child.kill('SIGINT');
      running.child.kill('SIGINT');
      expect(await running.ended).toBe(0);
      expect(running.stdout()).toMatch(/Everything has stopped\.\n$/);
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      other.close();
    }
  });

  test('a second Ctrl-C does not wait for the requests under way', { timeout: 60_000 }, async () => {
    const platform = up('--speed', '0.05', '--drain', '60s');
    const { services } = await platform.next('up');
    const leave = new AbortController();
    const answer = chat(services[0]!.where, 'demo-small', { stream: true, max_tokens: 500 }, leave.signal);
    const response = await answer;
    expect(response.status).toBe(200);
    platform.child.kill('SIGINT');
    await platform.next('stopping');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(platform.of('stopped')).toEqual([]);
    const ports = platform.ports();
    platform.child.kill('SIGINT');
    expect(await platform.ended).toBe(130);
    leave.abort();
    await until(async () => !platform.pids().some(alive) && (await noneListens(ports)));
    await nothingIsLeft(platform, temporary, ports);
  });

  test('nothing outlives a platform that is killed', { timeout: 60_000 }, async () => {
    const platform = up();
    await platform.next('up');
    const ports = platform.ports();
    platform.child.kill('SIGKILL');
    await platform.ended;
    await until(() => !platform.pids().some(alive) && readdirSync(temporary).length === 0);
    // A process's last thread closes its ports.
    await until(() => noneListens(ports));
    expect(platform.of('stopped')).toEqual([]);
    await nothingIsLeft(platform, temporary, ports);
  });

  test('a platform whose output nobody reads any more stops', { timeout: 60_000 }, async () => {
    const platform = up();
    await platform.next('up');
    const ports = platform.ports();
    platform.child.stdout!.destroy();
    process.kill(platform.pidOf('pods-large'), 'SIGKILL');
    expect(await platform.ended).toBe(0);
    await nothingIsLeft(platform, temporary, ports);
  });

  test.each(['SIGTERM', 'SIGHUP'] as const)('%s while it starts leaves nothing behind', async (signal) => {
    const platform = up();
    await platform.next('starting');
    platform.child.kill(signal);
    expect(await platform.ended).toBe(0);
    expect(platform.of('up')).toEqual([]);
    await nothingIsLeft(platform, temporary, []);
  });

  test('resources that cannot be served end it: with the reasons, and without leaving anything', { timeout: 60_000 }, async () => {
    const tierTwo = readFileSync(join(EXAMPLE, 'tier-two.yaml'), 'utf8');
    writeFileSync(join(folder, 'tier-two.yaml'), tierTwo.replace('targetPorts', 'targetPort'));
    writeFileSync(join(folder, 'tier-one.yaml'), readFileSync(join(EXAMPLE, 'tier-one.yaml')));
    const platform = up(folder, '--no-restart');
    expect(await platform.ended).toBe(1);
    const [crashed] = platform.of('crashed');
    expect(crashed).toMatchObject({ process: 'tier-two', code: 1 });
    expect(crashed!.lines.join('\n')).toContain('did you mean "targetPorts"');
    expect(platform.of('failed')).toHaveLength(1);
    expect(platform.of('starting', 'tier-one')).toEqual([]);
    expect(platform.stderr()).toMatch(/^tierkit up: tier-two ended by itself before it was ready, the last time with exit code 1\n$/);
    await nothingIsLeft(platform, temporary, []);
  });
});

describe.concurrent('a start that cannot be', () => {
  test.each([
    [['a', 'b'], 2, 'give one folder, which has the resources of both tiers'],
    [['--speed', '0'], 2, '--speed must be a number above 0, not "0"'],
    [['--drain', '5'], 2, '--drain must be a duration such as 10s, not "5"'],
    [['--pods-port', '70000'], 2, '--pods-port must be a port from 0 to 65535, not "70000"'],
    [['--pods-prt', '1'], 2, 'unknown option --pods-prt; did you mean "pods-port"?'],
    [['gone'], 1, 'gone does not exist; the resources of the tiers are tier-one and tier-two there'],
    [[...ANY_PORTS, '--pods-port', '65535'], 1, 'pods-small: no port from 65535 to 65535 is free'],
  ])('%j', async (args, code, message) => {
    const result = await tierkit(['up', ...args]);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(`tierkit up: ${message}`);
  });
});

/** The pods stop together. */
function expectPods(stopped: readonly EventOf<'stopped'>[]): string[] {
  const names = stopped.slice(2).map((event) => event.process);
  expect([...names].sort()).toEqual(['pods-large', 'pods-small']);
  return names;
}
