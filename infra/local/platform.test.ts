import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, test } from 'vitest';

import { alive, child, ENV, Events, freePort, listens, QUICK, until } from './children.fixture.ts';
import { LocalPlatform, type Stage } from './platform.ts';

const platforms: LocalPlatform[] = [];
const processes: ChildProcess[] = [];

afterEach(() => {
  for (const platform of platforms.splice(0)) platform.kill();
  for (const process of processes.splice(0)) process.kill('SIGKILL');
});

function platformOf(stages: readonly Stage[]) {
  const events = new Events();
  const platform = new LocalPlatform(stages, QUICK, events.report);
  platforms.push(platform);
  return { platform, events };
}

const orderOf = (events: Events) =>
  events.all.flatMap((event) => (event.event === 'log' || !('process' in event) ? [] : [`${event.process} ${event.event}`]));

describe('a platform', () => {
  test('starts a stage when the one before is ready, and stops in the reverse order', async () => {
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const { platform, events } = platformOf([
      [child('pods', 'serve', ports[0])],
      [child('two', 'stubborn', ports[1])],
      [child('one', 'serve', ports[2])],
    ]);
    expect(await platform.start()).toBe(true);
    await platform.stop();
    expect(orderOf(events)).toEqual([
      ...['pods', 'two', 'one'].flatMap((name) => [`${name} starting`, `${name} ready`]),
      ...['one', 'two', 'pods'].map((name) => `${name} stopped`),
    ]);
    expect(await Promise.all(ports.map(listens))).toEqual([false, false, false]);
  });

  test('goes no further than a stage that fails, and says why', async () => {
    const { platform, events } = platformOf([
      [child('pods', 'serve', await freePort()), child('bad', 'crash', await freePort(), 2)],
      [child('one', 'serve', await freePort())],
    ]);
    expect(await Promise.all([platform.start(), platform.failed])).toEqual([false, expect.stringContaining('bad ended')]);
    await platform.stop();
    expect(events.of('starting', 'one')).toEqual([]);
    expect(events.of('stopped', 'pods')).toHaveLength(1);
  });

  test('can be stopped while it starts', async () => {
    const { platform, events } = platformOf([[child('slow', 'unready', await freePort())], [child('one', 'serve', await freePort())]]);
    const ready = platform.start();
    await events.next('log');
    await platform.stop();
    expect(await ready).toBe(false);
    expect(events.of('starting', 'one')).toEqual([]);
  });

  test('can be killed while it stops', async () => {
    const { platform, events } = platformOf([[child('stubborn', 'stubborn', await freePort())]]);
    await platform.start();
    const stopped = platform.stop();
    platform.kill();
    await stopped;
    expect(events.of('stopped')).toHaveLength(1);
  });

  test('leaves no process and no key behind when its own process is killed', async () => {
    const ports = [await freePort(), await freePort()];
    const script = fileURLToPath(new URL('platform.fixture.ts', import.meta.url));
    const parent = spawn(process.execPath, [script, ...ports.map(String)], { env: ENV, stdio: ['ignore', 'pipe', 'inherit'] });
    processes.push(parent);
    const seen: { folder?: string; event?: string; pid?: number }[] = [];
    for await (const line of createInterface({ input: parent.stdout })) {
      seen.push(JSON.parse(line) as (typeof seen)[number]);
      if (seen.at(-1)!.event === 'all-ready') break;
    }
    const pids = seen.filter(({ event }) => event === 'starting').map(({ pid }) => pid!);
    const folder = seen[0]!.folder!;
    expect([pids.map(alive), existsSync(folder)]).toEqual([[true, true], true]);
    parent.kill('SIGKILL');
    await until(async () => !pids.some(alive) && !existsSync(folder) && !(await Promise.all(ports.map(listens))).includes(true));
  });
});
