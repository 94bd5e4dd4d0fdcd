import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { dump } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { freePorts } from '#core/real-part.fixture';

import { queriesOf } from './alerts/alert.ts';
import { allAlerts, ALERTS } from './alerts/all.ts';
import { DASHBOARDS } from './dashboards/all.ts';
import { ASKED } from './dashboards/asked.fixture.ts';
import { REFERENCE_QUERIES } from './dashboards/reference.fixture.ts';
import { loadRound, type Platform, startPlatform } from './platform.fixture.ts';
import { RECORDINGS } from './prometheus/recording.ts';
import { alertFile, recordingFile } from './prometheus/rule-files.ts';
import { scrapeConfig } from './prometheus/scrape-config.ts';
import { partOf, REQUIRED } from './real-parts.fixture.ts';

/** How long a query may take to have an answer: rates need some scrapes, and subqueries of a minute have their first point at a full one. */
const PATIENCE_MS = 75_000;

/** Alerts whose numbers are there on every platform. */
const ALWAYS = allAlerts().filter(({ mayBeEmpty }) => mayBeEmpty !== true);

const binary = partOf('prometheus', 'TIERKIT_PROMETHEUS');
describe.skipIf(binary === undefined && !REQUIRED)('a real Prometheus that scrapes both tiers under load', () => {
  let platform: Platform | undefined;
  let prometheus: ChildProcess | undefined;
  let url = '';
  let loading: Promise<void> | undefined;
  const ending = new AbortController();

  beforeAll(async () => {
    if (binary === undefined)
      throw new Error('REQUIRE_REAL is set, and there is no prometheus: put it on PATH, or name it in TIERKIT_PROMETHEUS');
    platform = await startPlatform();
    const [port] = (await freePorts(1)) as [number];
    url = `http://127.0.0.1:${port}`;
    const args = [
      `--config.file=${configuration(platform)}`,
      `--storage.tsdb.path=${join(platform.folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    prometheus = spawn(binary, [...args, '--enable-feature=exemplar-storage', '--log.level=warn'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    loading = load(platform);
    if ((await answers('count(up == 1) == 4')).length === 0) throw new Error('Prometheus does not reach all of the platform');
  }, 90_000);

  afterAll(async () => {
    ending.abort();
    await loading;
    if (prometheus?.exitCode === null) {
      const exited = once(prometheus, 'exit');
      prometheus.kill('SIGKILL');
      await exited;
    }
    await platform?.close();
  });

  async function load(on: Platform): Promise<void> {
    while (!ending.signal.aborted) {
      // A gateway that stops is the end of the tests, not of this.
      await loadRound(on).catch(() => undefined);
      await sleep(200);
    }
  }

  async function query(expr: string): Promise<readonly Sample[]> {
    const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) }).catch(
      () => undefined,
    );
    // One that still reads its configuration says so in plain text.
    if (response === undefined || response.status === 503) return [];
    const answer = (await response.json()) as { status: string; error?: string; data?: { result: Sample[] } };
    if (answer.status !== 'success') throw new Error(`${expr}: ${answer.error}`);
    return answer.data!.result;
  }

  /** Numbers that the query gives, as soon as it gives some; none when it does not. */
  async function answers(expr: string): Promise<readonly Sample[]> {
    for (const end = performance.now() + PATIENCE_MS; ; await sleep(250)) {
      const numbers = (await query(expr)).filter(isNumber);
      if (numbers.length > 0 || performance.now() > end) return numbers;
    }
  }

  it.each(RECORDINGS.flatMap(({ rules }) => rules.map(({ record }) => [record])))('records %s', { timeout: 90_000 }, async (record) =>
    expect(await answers(record)).not.toEqual([]),
  );

  it.each(ALWAYS.flatMap((alert) => queriesOf(alert).map((expr) => [alert.name, expr] as const)))(
    'has data for the alert %s: %s',
    { timeout: 90_000 },
    async (_, expr) => expect(await answers(expr)).not.toEqual([]),
  );

  it('evaluates every rule without an error', async () => {
    const { data } = (await (await fetch(`${url}/api/v1/rules`)).json()) as {
      data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    };
    const rules = data.groups.flatMap((group) => group.rules);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(rules).toHaveLength(allAlerts().length + RECORDINGS.flatMap((group) => group.rules).length);
  });

  it.each(ASKED.filter(({ mayBeEmpty }) => !mayBeEmpty).map(({ name, expr }) => [name, expr]))(
    'shows something in %s: %s',
    { timeout: 90_000 },
    async (_, expr) => expect(await answers(expr)).not.toEqual([]),
  );

  it.each(DASHBOARDS.flatMap(({ title, variables }) => variables.map(({ metric, label }) => [title, metric, label] as const)))(
    'has choices in %s: %s by %s',
    { timeout: 90_000 },
    async (_, metric, label) => expect(await answers(`count by (${label}) (${metric}{${label}!=""})`)).not.toEqual([]),
  );

  it.each(REFERENCE_QUERIES.map((expr) => [expr]))("answers the reference's dashboard: %s", { timeout: 90_000 }, async (expr) =>
    expect(await answers(expr)).not.toEqual([]),
  );

  it('leaves the labels of model servers to the metrics of the picker', async () => {
    const [sample] = await answers('count by (pod, endpoint) (tierkit_endpoint_kv_cache_utilization)');
    expect(sample?.metric['pod']).not.toBe('two');
    expect(sample?.metric['endpoint']).not.toBe('admin');
    expect(await query('count({exported_pod!=""})')).toEqual([]);
  });

  it('takes every page as OpenMetrics, and as the older text', async () => {
    for (const address of Object.values(platform!.admins)) {
      for (const accept of ['application/openmetrics-text; version=1.0.0', 'text/plain']) {
        const response = await fetch(`http://${address}/metrics`, { headers: { accept } });
        expect(response.headers.get('content-type')).toContain(accept.split(';')[0]);
        expect((await response.text()).endsWith('# EOF\n')).toBe(accept.includes('openmetrics'));
      }
    }
  });
});

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, text: string];
}

const isNumber = ({ value: [, text] }: Sample): boolean => text !== 'NaN';

/** Labels as they are in Kubernetes: those of a pod, of which the picker's metrics have some as well. */
const pod = (name: string) => ({ namespace: 'tierkit', pod: name, endpoint: 'admin' });

/** Our own configuration, with the addresses of this platform, and a second for a quarter of a minute. */
function configuration({ folder, admins, pods }: Platform): string {
  mkdirSync(join(folder, 'rules'));
  // Recordings are evaluated often, so that the test need not wait.
  writeFileSync(join(folder, 'rules/recording.yaml'), recordingFile(RECORDINGS).replaceAll('interval: 30s', 'interval: 1s'));
  writeFileSync(join(folder, 'rules/alerts.yaml'), alertFile(ALERTS));
  const file = join(folder, 'prometheus.yaml');
  const config = scrapeConfig({
    interval: '1s',
    evaluationInterval: '1s',
    scrapes: [
      { role: 'tier-one', groups: [{ targets: [admins.one], labels: pod('one') }] },
      { role: 'tier-two', groups: [{ targets: [admins.two], labels: pod('two') }] },
      { role: 'model-server', groups: [{ targets: pods, labels: { ...pod('model'), inference_pool: 'demo', pool_namespace: 'default' } }] },
    ],
  });
  writeFileSync(file, dump(config));
  return file;
}
