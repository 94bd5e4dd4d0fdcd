import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { alive, freePort, until } from '../infra/local/children.fixture.ts';
import { putPart, startsOf, stateOf } from '../infra/local/observe/parts.fixture.ts';
import { type Env, tierkit } from './command.fixture.ts';
import { chat, noneListens, nothingIsLeft, type RunningPlatform, startUp } from './up.fixture.ts';

let folder: string;
/** All that PATH has. */
let bin: string;
let temporary: string;
const started: RunningPlatform[] = [];

const ANY_PART_PORTS = ['--prometheus-port', '0', '--phoenix-port', '0', '--jaeger-port', '0', '--jaeger-otlp-port', '0'];

function observed(args: readonly string[], env: Env = {}): RunningPlatform {
  const platform = startUp(temporary, [...ANY_PART_PORTS, ...args], { PATH: bin, HOME: folder, ...env });
  started.push(platform);
  return platform;
}

async function stop(platform: RunningPlatform): Promise<void> {
  const ports = platform.ports();
  platform.child.kill('SIGTERM');
  expect(await platform.ended).toBe(0);
  await nothingIsLeft(platform, temporary, ports);
}

const portOf = (platform: RunningPlatform, part: string) =>
  new URL(platform.of('up')[0]!.services.find(({ service }) => service === part)!.where).port;

const CONTENT = 'Prompts and answers are in the traces: this is a demo. OPENINFERENCE_HIDE_INPUTS=true hides them.';

describe('tierkit up --observe', { timeout: 60_000 }, () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tierkit-observe-'));
    bin = join(folder, 'bin');
    temporary = join(folder, 'temporary');
    for (const each of [bin, temporary]) mkdirSync(each);
  });

  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  test('starts what is found, sends traces there with what was said, and leaves nothing behind', async () => {
    putPart(bin, 'prometheus');
    putPart(bin, 'phoenix');
    const platform = observed(['--observe', '--speed', '20']);
    const { services, notes } = await platform.next('up');
    expect(services.slice(-2).map(({ service }) => service)).toEqual(['prometheus', 'phoenix']);
    expect(notes).toEqual([CONTENT]);
    await platform.next('ready', 'phoenix');
    const prometheus = await stateOf(portOf(platform, 'prometheus'));
    const config = readFileSync(prometheus.args[0]!.replace('--config.file=', ''), 'utf8');
    for (const { where } of services.slice(0, 2)) expect(config.includes(new URL(where).host)).toBe(where.endsWith('/'));
    expect((await chat(services[0]!.where, 'demo-small')).status).toBe(200);
    const phoenix = portOf(platform, 'phoenix');
    await until(async () => (await stateOf(phoenix)).sent.includes('/v1/traces application/x-protobuf'));
    await stop(platform);
    // The last spans are sent when the tiers end.
    expect(
      platform
        .of('stopped')
        .map((event) => event.process)
        .slice(-2),
    ).toEqual(['prometheus', 'phoenix']);
  });

  test('waits for no part, and goes on without one that never works', async () => {
    putPart(bin, 'phoenix', 'echo "no disk" >&2; exit 1');
    putPart(bin, 'prometheus', 'sleep 300');
    const platform = observed(['--observe=phoenix,prometheus']);
    const { services } = await platform.next('up');
    expect(services.filter(({ what }) => what.endsWith('(still starting)')).map(({ service }) => service)).toEqual([
      'prometheus',
      'phoenix',
    ]);
    const { lines } = await platform.next('crashed', 'phoenix');
    expect(lines).toEqual(['no disk']);
    expect((await chat(services[0]!.where, 'demo-small')).status).toBe(200);
    expect(platform.of('failed')).toEqual([]);
    platform.child.kill('SIGTERM');
    expect(await platform.ended).toBe(0);
    await nothingIsLeft(platform, temporary, []);
  });

  test('ends with a part where nothing is to be started again', async () => {
    putPart(bin, 'phoenix', 'exit 1');
    const platform = observed(['--observe=phoenix', '--no-restart']);
    expect(await platform.ended).toBe(1);
    expect(platform.stderr()).toBe('tierkit up: phoenix ended by itself before it was ready, the last time with exit code 1\n');
    await nothingIsLeft(platform, temporary, []);
  });

  test('says what is missing, and starts without it', async () => {
    const platform = observed(['--observe']);
    const { services, notes } = await platform.next('up');
    expect(services.at(-1)!.service).toBe('pods-large');
    const admin = services[1]!.where;
    expect(notes.map((note) => note.slice(note.indexOf(': ') + 2))).toEqual([
      `metrics are at ${admin}metrics`,
      `traces are on the status page: ${admin}`,
    ]);
    await stop(platform);
  });

  test("leaves traces to the user's own endpoint", async () => {
    for (const name of ['prometheus', 'phoenix', 'jaeger']) putPart(bin, name);
    const own = `http://127.0.0.1:${await freePort()}`;
    const platform = observed(['--observe'], { OTEL_EXPORTER_OTLP_ENDPOINT: own, OPENINFERENCE_HIDE_INPUTS: 'true' });
    const { services, notes } = await platform.next('up');
    expect(services.at(-1)!.service).toBe('prometheus');
    expect(notes).toEqual([`Phoenix and Jaeger are not started: traces go to ${own}, as OTEL_EXPORTER_OTLP_ENDPOINT says`]);
    expect(startsOf(folder)).toHaveLength(1);
    await stop(platform);
  });

  test('takes the next port where one is taken, and keeps the data where it is told to', async () => {
    putPart(bin, 'phoenix');
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    const kept = join(folder, 'kept');
    try {
      const platform = observed(['--observe=phoenix', '--phoenix-port', String(port), '--observe-dir', kept]);
      await platform.next('up');
      const { port: shifted } = await platform.next('port-shifted', 'phoenix');
      await platform.next('ready', 'phoenix');
      expect((await stateOf(shifted)).env).toMatchObject({ PHOENIX_PORT: String(shifted), PHOENIX_WORKING_DIR: join(kept, 'phoenix') });
      await stop(platform);
      expect(readdirSync(kept)).toEqual(['phoenix']);
    } finally {
      other.close();
    }
  });

  test('leaves no part behind when it is killed', async () => {
    putPart(bin, 'prometheus');
    const platform = observed(['--observe']);
    await platform.next('up');
    await platform.next('ready', 'prometheus');
    const ports = platform.ports();
    const { pid } = await stateOf(portOf(platform, 'prometheus'));
    platform.child.kill('SIGKILL');
    expect(await platform.ended).toBe('SIGKILL');
    await until(
      async () => !alive(pid) && !platform.pids().some(alive) && readdirSync(temporary).length === 0 && (await noneListens(ports)),
    );
  });

  test("says that the user's own endpoint has what was said, also without --observe", async () => {
    const platform = observed([], { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
    expect((await platform.next('up')).notes).toEqual([CONTENT]);
    await stop(platform);
  });
});

describe.concurrent('a start that cannot be', () => {
  test.each<[string[], Env, number, string]>([
    [['--observe=promtheus'], {}, 2, '--observe: there is no part "promtheus"; did you mean "prometheus"?'],
    [['--observe=jaeger'], {}, 1, 'Jaeger was asked for and is not there: put "jaeger" on PATH (https://www.jaegertracing.io/download)'],
    [['--observe-dir', 'x'], {}, 2, '--observe-dir says where the data of --observe is kept: give both'],
    [['--observe', '--observe-dir='], {}, 2, '--observe-dir must be a folder'],
    [['--observe', '--phoenix-port', 'x'], {}, 2, '--phoenix-port must be a port from 0 to 65535, not "x"'],
    [['--observ'], {}, 2, 'unknown option --observ; did you mean "observe"?'],
    [[], { OPENINFERENCE_HIDE_INPUT: 'true' }, 1, 'OPENINFERENCE_HIDE_INPUT is no setting of OpenInference'],
    // It has no value of its own here: what follows is the folder of the resources.
    [['--observe', 'gone'], {}, 1, 'gone does not exist'],
  ])('%j with %j', async (args, env, code, message) => {
    const result = await tierkit(['up', ...args], { PATH: '/nowhere', ...env });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(`tierkit up: ${message}`);
  });
});
