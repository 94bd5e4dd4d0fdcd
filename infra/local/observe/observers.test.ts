import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { alive, ENV, Events, freePort, listens, QUICK, until } from '../children.fixture.ts';
import { KEYS_VARIABLE } from '../keys.ts';
import type { Choice } from './choose.ts';
import { Observers } from './observers.ts';
import { putPart, startsOf, stateOf } from './parts.fixture.ts';

let folder: string;
const running: Observers[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-observers-'));
  mkdirSync(join(folder, 'bin'));
});

afterEach(() => {
  for (const observers of running.splice(0)) observers.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function observe(parts: Choice['parts'], supervisor = QUICK) {
  const [prometheus, phoenix] = [await freePort(), await freePort()];
  const events = new Events();
  const gaveUp: string[] = [];
  const observers = new Observers(
    {
      parts,
      ports: { prometheus, phoenix, phoenixGrpc: 0, jaeger: 0, jaegerGrpc: 0, jaegerOtlp: 0 },
      platform: { tierOne: 1, tierOneAdmin: 2, tierTwo: 3, tierTwoAdmin: 4, podsSmall: 5, podsLarge: 7 },
      folder: join(folder, 'observe'),
      env: { ...ENV, HOME: folder, OPENAI_API_KEY: 'sk-canary', PHOENIX_SQL_DATABASE_URL: 'postgresql://mine', OTEL_SERVICE_NAME: 'mine' },
      keysFolder: join(folder, 'keys'),
      supervisor,
    },
    events.report,
    (part, why) => void gaveUp.push(`${part}: ${why}`),
  );
  running.push(observers);
  observers.start();
  return { observers, events, gaveUp, prometheus, phoenix };
}

const program = (name: string, script?: string) => ({ by: 'program', path: putPart(join(folder, 'bin'), name, script) }) as const;

describe('programs', () => {
  test('start with what they read, are ready when they answer, and end when they are asked to', async () => {
    const { observers, events, prometheus, phoenix } = await observe({ prometheus: program('prometheus'), phoenix: program('phoenix') });
    expect(observers.isReady('phoenix')).toBe(false);
    await Promise.all([events.next('ready', 'prometheus'), events.next('ready', 'phoenix')]);
    await until(() => observers.isReady('phoenix'));
    const [first, second] = [await stateOf(prometheus), await stateOf(phoenix)];
    expect(readFileSync(first.args[0]!.replace('--config.file=', ''), 'utf8')).toContain('127.0.0.1:2');
    expect(second.args).toEqual(['serve']);
    // What was said is in there.
    expect(statSync(join(folder, 'observe/phoenix')).mode & 0o777).toBe(0o700);
    await observers.stop();
    expect([first.pid, second.pid].map(alive)).toEqual([false, false]);
    expect(startsOf(folder).filter(([word]) => word === 'asked to end')).toHaveLength(2);
    expect(events.of('stopped').map(({ process, killed }) => [process, killed])).toEqual([
      ['prometheus', false],
      ['phoenix', false],
    ]);
  });

  test("have no provider's key, and no setting of the user that moves their data", async () => {
    const { events, phoenix } = await observe({ phoenix: program('phoenix') });
    await events.next('ready');
    const { env } = await stateOf(phoenix);
    expect(env).toMatchObject({
      PATH: ENV['PATH'],
      HOME: folder,
      [KEYS_VARIABLE]: join(folder, 'keys'),
      TMPDIR: join(folder, 'observe/phoenix/tmp'),
    });
    expect(Object.keys(env).filter((name) => /^(OPENAI|OTEL)_|DATABASE/.test(name))).toEqual([]);
  });

  test('are started again when they crash', async () => {
    const { events, phoenix } = await observe({ phoenix: program('phoenix') });
    await events.next('ready');
    process.kill((await stateOf(phoenix)).pid, 'SIGKILL');
    const { lines } = await events.next('crashed', 'phoenix');
    expect(lines.at(-1)).toMatch(/phoenix was ended by SIGKILL$/);
    await events.next('ready', 'phoenix', 2);
    expect((await stateOf(phoenix)).args).toEqual(['serve']);
  });

  test.each([1, 2])('are given up, with the last lines, when they never work: exit code %d', async (code) => {
    const { events, gaveUp } = await observe({ phoenix: program('phoenix', `echo "no disk" >&2; exit ${code}`) });
    await until(() => gaveUp.length > 0);
    expect(gaveUp).toEqual(['phoenix: phoenix ended 5 times in a row before it was ready, the last time with exit code 1']);
    expect(events.of('crashed')).toHaveLength(5);
    expect(events.of('crashed')[0]!.lines).toEqual(['no disk']);
  });

  test('leave nothing when they are killed, with what they have started', async () => {
    const script = `sleep 300 & echo $! > ${folder}/grandchild; wait`;
    const { observers } = await observe({ phoenix: program('phoenix', script) });
    await until(() => existsSync(join(folder, 'grandchild')) && readFileSync(join(folder, 'grandchild'), 'utf8').endsWith('\n'));
    const pid = Number(readFileSync(join(folder, 'grandchild'), 'utf8'));
    expect(alive(pid)).toBe(true);
    observers.kill();
    await until(() => !alive(pid));
  });
});

describe('docker', () => {
  test('runs images with the same arguments on the same addresses, and its containers are removed', async () => {
    const docker = { by: 'docker', path: putPart(join(folder, 'bin'), 'docker') } as const;
    const { observers, events, prometheus, phoenix } = await observe({ prometheus: docker, phoenix: docker });
    await Promise.all([events.next('ready', 'prometheus'), events.next('ready', 'phoenix')]);
    const runOf = (part: string) => startsOf(folder).find((args) => args[0] === 'run' && args.includes(`--name=${containerOf(part)}`))!;
    const common = [`--user=${process.getuid!()}:${process.getgid!()}`, `--volume=${folder}/observe:${folder}/observe`];
    const [first, second] = [runOf('prometheus'), runOf('phoenix')];
    expect(first.slice(0, 7)).toEqual([
      'run',
      '--rm',
      `--name=${containerOf('prometheus')}`,
      '--network=host',
      ...common,
      'prom/prometheus:v3.16.0',
    ]);
    expect(first).toContain(`--web.listen-address=127.0.0.1:${prometheus}`);
    expect(second).toContain(`--env=PHOENIX_PORT=${phoenix}`);
    expect(second.at(-1)).toBe('arizephoenix/phoenix:version-20.26.1');
    await observers.stop();
    expect(await Promise.all([prometheus, phoenix].map(listens))).toEqual([false, false]);
    for (const part of ['prometheus', 'phoenix']) expect(startsOf(folder)).toContainEqual(['rm', '--force', containerOf(part)]);
  });
});

const containerOf = (part: string) => `tierkit-${process.pid}-${part}`;

test('of nothing nothing is written', async () => {
  const { observers } = await observe({});
  await observers.stop();
  expect(readdirSync(folder)).toEqual(['bin']);
});
