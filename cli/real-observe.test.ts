import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { partPath } from '#core/real-part.fixture';

import { ABOUT, type PartName, PARTS } from '../infra/local/observe/parts.ts';
import { until } from './real-parts.fixture.ts';
import { nothingIsLeft, type RunningPlatform, startUp } from './up.fixture.ts';

const FOUND = Object.fromEntries(PARTS.map((name) => [name, partPath(`TIERKIT_${name.toUpperCase()}`, name)])) as Found;
type Found = Readonly<Record<PartName, string | undefined>>;

for (const name of PARTS.filter((each) => FOUND[each] === undefined)) {
  console.warn(
    `skipped: tierkit up --observe with the real ${ABOUT[name].title}. Put "${name}" on PATH, or name it in TIERKIT_${name.toUpperCase()} (${ABOUT[name].how})`,
  );
}

const skips = (...names: PartName[]) => process.env['REQUIRE_REAL'] !== '1' && names.some((name) => FOUND[name] === undefined);

/** As a client's own tracing has it. */
const TRACE = 'abc00000000000000000000000000001';

const FREE_PORTS = ['--prometheus-port', '0', '--phoenix-port', '0', '--jaeger-port', '0', '--jaeger-otlp-port', '0'];

interface PhoenixSpan {
  readonly name: string;
  readonly span_kind: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, text: string];
}

let folder: string;
let temporary: string;
const started: RunningPlatform[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-real-observe-'));
  temporary = join(folder, 'temporary');
  for (const each of [temporary, join(folder, 'bin')]) mkdirSync(each);
});

afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.splice(0).map(({ ended }) => ended));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Starts a platform whose PATH has these parts. */
function observed(names: readonly PartName[], option: string): RunningPlatform {
  for (const name of names) {
    const path = FOUND[name];
    if (path === undefined)
      throw new Error(`REQUIRE_REAL is set, and there is no ${name}: put it on PATH, or name it in TIERKIT_${name.toUpperCase()}`);
    symlinkSync(path, join(folder, 'bin', name));
  }
  const PATH = [join(folder, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
  const platform = startUp(temporary, [option, ...FREE_PORTS, '--speed', '20'], { PATH });
  started.push(platform);
  return platform;
}

async function urlsOf(platform: RunningPlatform): Promise<Readonly<Record<string, string>>> {
  const { services } = await platform.next('up');
  return Object.fromEntries(services.filter(({ service }) => service !== '').map(({ service, where }) => [service, where]));
}

async function json<T>(url: string): Promise<T | undefined> {
  const answer = await fetch(url).catch(() => undefined);
  return answer?.ok === true ? ((await answer.json()) as T) : undefined;
}

const spansIn = async (phoenix: string) =>
  (await json<{ data: PhoenixSpan[] }>(`${phoenix}/v1/projects/tierkit/spans?limit=100`))?.data ?? [];

const query = async (prometheus: string, expr: string) =>
  (await json<{ data: { result: Sample[] } }>(`${prometheus}/api/v1/query?${new URLSearchParams({ query: expr }).toString()}`))?.data
    .result ?? [];

/** Waits for the model call, and reads what was said. */
async function saidIn(phoenix: string): Promise<unknown[]> {
  const spans = await until(
    () => spansIn(phoenix),
    (all) => all.some(({ name }) => name === 'TierTwo ChatCompletion') && all.some(({ span_kind: kind }) => kind === 'LLM'),
  );
  const { attributes } = spans.find(({ span_kind: kind }) => kind === 'LLM')!;
  return [attributes['llm.input_messages.0.message.content'], attributes['llm.output_messages.0.message.content']];
}

async function ask(urls: Readonly<Record<string, string>>): Promise<string> {
  const answer = await fetch(`${urls['tier-one']}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: `00-${TRACE}-00f067aa0ba902b7-01` },
    body: JSON.stringify({ model: 'demo-small', messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 5 }),
  });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content;
}

async function stop(platform: RunningPlatform): Promise<void> {
  const ports = platform.ports();
  platform.child.kill('SIGTERM');
  expect(await platform.ended).toBe(0);
  expect(platform.of('stopped').filter(({ killed }) => killed)).toEqual([]);
  expect(platform.of('crashed')).toEqual([]);
  await nothingIsLeft(platform, temporary, ports);
}

const MINUTES = { timeout: 180_000 };

describe('tierkit up --observe', () => {
  test.skipIf(skips('prometheus', 'phoenix'))('with the real Prometheus and Phoenix', MINUTES, async () => {
    const platform = observed(['prometheus', 'phoenix'], '--observe');
    const urls = await urlsOf(platform);
    expect(Object.keys(urls)).toEqual(['tier-one', 'tier-two', 'pods-small', 'pods-large', 'prometheus', 'phoenix']);
    await platform.next('ready', 'phoenix');
    const said = await ask(urls);
    expect(await saidIn(urls['phoenix']!)).toEqual(['Say hello.', said]);

    const { services } = platform.of('up')[0]!;
    const prometheus = urls['prometheus']!;
    const up = await until(
      () => query(prometheus, 'up == 1'),
      (all) => all.length >= 5,
    );
    const scraped = services
      .filter(({ where, what }) => where.endsWith('/') || what.startsWith('simulated'))
      .map(({ where }) => new URL(where).host);
    expect(new Set(up.map(({ metric }) => metric['instance']))).toEqual(new Set(scraped));
    expect(up).toHaveLength(5);
    const tokens = await until(
      () => query(prometheus, 'gen_ai_client_token_usage_count{gen_ai_token_type="output"}'),
      (all) => all.length > 0,
    );
    expect(tokens).toMatchObject([{ metric: { gen_ai_original_model: 'demo-small', job: 'tierkit-tier-one' } }]);
    const rules = await until(
      async () =>
        (await json<{ data: { groups: { rules: { name: string; health: string }[] }[] } }>(
          `${prometheus}/api/v1/rules`,
        ))!.data.groups.flatMap((group) => group.rules),
      (all) => all.length > 0 && all.every(({ health }) => health !== 'unknown'),
    );
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    await stop(platform);
  });

  test.skipIf(skips('jaeger'))('with the real Jaeger, by name', MINUTES, async () => {
    const platform = observed(['jaeger'], '--observe=jaeger');
    const urls = await urlsOf(platform);
    expect(Object.keys(urls).at(-1)).toBe('jaeger');
    await platform.next('ready', 'jaeger');
    const said = await ask(urls);
    const services = await until(
      async () => (await json<{ services: string[] }>(`${urls['jaeger']}/api/v3/services`))?.services ?? [],
      (all) => all.length === 2,
    );
    expect(services.sort()).toEqual(['ai-gateway', 'ai-gateway-tier2']);
    const traces = JSON.stringify(await json<object>(`${urls['jaeger']}/api/v3/traces/${TRACE}`));
    expect(traces).toContain('"Say hello."');
    expect(traces).toContain(said);
    await stop(platform);
  });

  test.skipIf(skips('phoenix', 'jaeger'))('with both, Jaeger hands on to Phoenix what it took before that was ready', MINUTES, async () => {
    const platform = observed(['phoenix', 'jaeger'], '--observe=jaeger,phoenix');
    const urls = await urlsOf(platform);
    expect(platform.of('ready', 'phoenix')).toEqual([]);
    const said = await ask(urls);
    await platform.next('ready', 'phoenix');
    expect(await saidIn(urls['phoenix']!)).toEqual(['Say hello.', said]);
    await stop(platform);
  });
});
