import { afterEach, describe, expect, test } from 'vitest';

import { alive, child, Events, freePort, listens, QUICK, until } from './children.fixture.ts';
import { type ProcessSpec, SupervisedProcess, type SupervisorSettings } from './process.ts';

const started: SupervisedProcess[] = [];

afterEach(() => {
  for (const process of started.splice(0)) process.kill();
});

function supervise(spec: ProcessSpec, settings: Partial<SupervisorSettings> = {}) {
  const events = new Events();
  const { promise: gaveUp, resolve } = Promise.withResolvers<string>();
  const process = new SupervisedProcess(spec, { ...QUICK, ...settings }, events.report, resolve);
  started.push(process);
  process.start();
  return { process, events, gaveUp };
}

describe('a process that works', () => {
  test('is ready when it answers, tells its warnings, and ends when it is asked to', async () => {
    const port = await freePort();
    const { process, events } = supervise(child('web', 'serve', port));
    expect(await process.ready).toBe(true);
    const pid = process.pid!;
    expect(await events.next('log')).toEqual({ event: 'log', process: 'web', level: 'warn', line: `listening on ${port}` });
    await process.stop();
    expect(events.of('stopped')).toMatchObject([{ process: 'web', killed: false }]);
    expect(events.of('crashed')).toEqual([]);
    expect([alive(pid), await listens(port)]).toEqual([false, false]);
  });

  test('leads a process group of its own, which a Ctrl-C in the terminal does not reach', async () => {
    const { process: web } = supervise(child('web', 'serve', await freePort()));
    await web.ready;
    expect(() => process.kill(-web.pid!, 0)).not.toThrow();
  });

  test('is started again when it is killed, however often, for it has been ready', async () => {
    const { process, events } = supervise(child('web', 'serve', await freePort()));
    for (let time = 1; time <= 6; time++) {
      await events.next('ready', 'web', time);
      globalThis.process.kill(process.pid!, 'SIGKILL');
      expect(await events.next('crashed', 'web', time)).toMatchObject({ signal: 'SIGKILL', code: null, wasReady: true });
    }
    await events.next('ready', 'web', 7);
    expect(events.of('restarting').map(({ inMs, failures, most }) => [inMs, failures, most])).toEqual([
      [10, 1, undefined],
      [20, 2, undefined],
      [40, 3, undefined],
      [40, 4, undefined],
      [40, 5, undefined],
      [40, 6, undefined],
    ]);
  });

  test('waits as for the first crash after it was healthy for long enough', async () => {
    const { process, events } = supervise(child('web', 'serve', await freePort()), { healthyMs: 0 });
    for (let time = 1; time <= 2; time++) {
      await events.next('ready', 'web', time);
      globalThis.process.kill(process.pid!, 'SIGKILL');
      expect(await events.next('restarting', 'web', time)).toMatchObject({ inMs: 10, failures: 1 });
    }
  });
});

describe('a process that does not work', () => {
  test('shows its last lines each time, and is given up after five crashes', async () => {
    const { process, events, gaveUp } = supervise(child('bad', 'crash', await freePort(), 7));
    expect(await gaveUp).toBe('bad ended 5 times in a row before it was ready, the last time with exit code 7');
    expect(await process.ready).toBe(false);
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 11}`);
    expect(events.of('crashed')).toEqual(
      Array.from({ length: 5 }, () => ({ event: 'crashed', process: 'bad', wasReady: false, lines, code: 7, signal: null })),
    );
    expect(events.of('restarting').map(({ inMs }) => inMs)).toEqual([10, 20, 40, 40]);
  });

  test('is given up at once when it does not understand its arguments', async () => {
    const { events, gaveUp } = supervise(child('bad', 'crash', await freePort(), 2));
    expect(await gaveUp).toContain('exit code 2');
    expect(events.of('starting')).toHaveLength(1);
  });

  test('is given up at once when restarts are not wanted, with exit code 0 as well', async () => {
    const { events, gaveUp } = supervise(child('brief', 'crash', await freePort(), 0), { restart: false });
    expect(await gaveUp).toBe('brief ended by itself before it was ready, the last time with exit code 0');
    expect(events.of('starting')).toHaveLength(1);
  });

  test('is ended when it is never ready', async () => {
    const port = await freePort();
    const { process, events, gaveUp } = supervise(child('slow', 'unready', port), { readyMs: 400, restart: false });
    expect(await gaveUp).toContain(`no answer from http://127.0.0.1:${port}/ in 0.4 s`);
    expect(events.of('ready')).toEqual([]);
    expect([process.pid, await listens(port)]).toEqual([undefined, false]);
  });

  test('that the system cannot start is told like a crash', async () => {
    const spec = child('huge', 'serve', await freePort());
    const { events, gaveUp } = supervise({ ...spec, env: { ...spec.env, HUGE: 'x'.repeat(4_000_000) } });
    expect(await gaveUp).toContain('it could not be started: ');
    expect(events.of('crashed')).toHaveLength(5);
  });

  test('may flood its output, with lines or without', async () => {
    const { events, gaveUp } = supervise(child('loud', 'flood', await freePort()), { restart: false });
    await gaveUp;
    const { lines } = events.of('crashed')[0]!;
    expect(lines).toEqual([...Array.from({ length: 19 }, () => 'noise'), 'the last words']);
    const logged = events.of('log').map(({ line }) => line);
    expect(logged[0]).toBe(`${'x'.repeat(2000)}…`);
    expect(logged).toHaveLength(1 + 200_000 - 1 + 1);
  });
});

describe('stopping', () => {
  test('a process that ignores SIGTERM is killed in the end', async () => {
    const port = await freePort();
    const { process, events } = supervise(child('stubborn', 'stubborn', port));
    await process.ready;
    await process.stop();
    expect(events.of('stopped')).toMatchObject([{ killed: true }]);
    expect(events.of('log').map(({ line }) => line)).toContain('SIGTERM ignored');
    expect(await listens(port)).toBe(false);
  });

  test('takes along what the process has started', async () => {
    const [port, inner] = [await freePort(), await freePort()];
    const { process } = supervise(child('parent', 'parent', port, inner));
    await process.ready;
    await until(() => listens(inner));
    await process.stop();
    await until(async () => !(await listens(inner)));
    expect(process.pid).toBeUndefined();
  });

  test('while it waits for the next start ends the wait', async () => {
    const { process, events } = supervise(child('bad', 'crash', await freePort(), 1), { backoffMs: 600_000, mostBackoffMs: 600_000 });
    await events.next('restarting');
    await process.stop();
    expect(events.of('starting')).toHaveLength(1);
    expect(await process.ready).toBe(false);
  });

  test('before it is ready is no crash', async () => {
    const { process, events } = supervise(child('slow', 'unready', await freePort()));
    await events.next('log');
    await process.stop();
    expect(events.all.map(({ event }) => event)).toEqual(['starting', 'log', 'stopped']);
    expect(await process.ready).toBe(false);
  });
});
