import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { freePorts, partPath } from '../../../real-part.fixture.ts';
import { Metrics } from '../../metrics.ts';
import { openTelemetry, type Telemetry } from '../../sdk.ts';
import type { TierName } from '../definition.ts';

const REQUIRED = process.env['REQUIRE_REAL'] === '1';
const binary = partPath('TIERKIT_PROMETHEUS', 'prometheus');
if (binary === undefined) console.warn('skipped: tests with the real prometheus. Put it on PATH, or name its binary in TIERKIT_PROMETHEUS');

describe.skipIf(binary === undefined && !REQUIRED)('a real Prometheus that takes OTLP', () => {
  const folder = mkdtempSync(join(tmpdir(), 'otlp-'));
  let prometheus: ChildProcess | undefined;
  let telemetry: Telemetry | undefined;
  let url = '';

  beforeAll(async () => {
    if (binary === undefined)
      throw new Error('REQUIRE_REAL is set, and there is no prometheus: put it on PATH, or name it in TIERKIT_PROMETHEUS');
    const [port] = (await freePorts(1)) as [number];
    url = `http://127.0.0.1:${port}`;
    // As it comes: with no setting of its own for OTLP.
    writeFileSync(join(folder, 'prometheus.yaml'), 'global: {}\n');
    const args = [
      `--config.file=${join(folder, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-otlp-receiver',
      '--log.level=warn',
    ];
    prometheus = spawn(binary, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    while (!(await fetch(`${url}/-/ready`).catch(() => ({ ok: false }))).ok) await sleep(100);
    const env = {
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${url}/api/v1/otlp/v1/metrics`,
      OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'gzip',
      OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES: 'x-tenant-id:tenant.id',
    };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    telemetry = await openTelemetry({ env, serviceName: 'front', version: '1', log: () => undefined });
  }, 60_000);

  afterAll(async () => {
    await telemetry?.push?.close(1000);
    vi.unstubAllEnvs();
    if (prometheus?.exitCode === null) {
      const exited = once(prometheus, 'exit');
      prometheus.kill('SIGKILL');
      await exited;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(path: string): Promise<unknown> {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: unknown };
    return answer.data;
  }

  async function query(expr: string): Promise<Sample[]> {
    return ((await ask(`query?query=${encodeURIComponent(expr)}`)) as { result: Sample[] }).result;
  }

  /** A page, with a series of each metric. */
  async function sent(tier: TierName): Promise<string> {
    const { push, headerLabels } = telemetry!;
    const metrics = new Metrics(tier, headerLabels);
    metrics.collectProcess();
    for (const family of metrics.shown) {
      const series = family.of(family.definition.labels.map((label) => `a ${label}`));
      if ('observe' in series) series.observe(0.3);
      else if ('set' in series) series.set(7);
      else series.inc(3);
    }
    push!.begin(metrics);
    // Of before: a collection of garbage may add the metrics of that at any time.
    const { body } = await metrics.page();
    const before = push!.counts.exported;
    await push!.flush(10_000);
    expect(push!.counts).toMatchObject({ dropped: 0, failedExports: 0 });
    expect(push!.counts.exported).toBeGreaterThan(before);
    return body;
  }

  it.each(['one', 'two', 'epp'] as const)(
    'has every metric of tier %s under the name and the labels of its page',
    async (tier) => {
      const page = await sent(tier);
      const names = new Set([...page.matchAll(/^([a-z_]\w*)(?=[{ ])/gm)].map(([, name]) => name!));
      const known = new Set((await ask('label/__name__/values')) as string[]);
      expect([...names].filter((name) => !known.has(name))).toEqual([]);
      for (const [line, name, labels] of page.matchAll(/^((?:tierkit|gen_ai|mcp|llm_d)_\w+?)\{([^}]*)\} /gm)) {
        if (name!.endsWith('_bucket')) continue;
        const [sample] = await query(`${name}{${labels}}`);
        expect([line, sample === undefined]).toEqual([line, false]);
        const { job, instance, __name__, ...own } = sample!.metric;
        expect([job, __name__, instance !== undefined]).toEqual(['front', name, true]);
        expect(new Set(Object.keys(own))).toEqual(new Set([...labels!.matchAll(/(\w+)="/g)].map(([, label]) => label)));
      }
    },
    60_000,
  );

  it('has no name beside those, and the values of the page', async () => {
    const metrics = new Metrics('one');
    const known = (await ask('label/__name__/values')) as string[];
    expect(
      known.filter((name) => /_(seconds_seconds|ratio|total_total|bytes_bytes)$|_tokens?_token/.test(name) && !/hit_ratio/.test(name)),
    ).toEqual([]);
    expect(known.filter((name) => /^(?!process_|nodejs_|target_info|tierkit_|gen_ai_|mcp_|llm_d_|inference_)/.test(name))).toEqual([]);
    const bounds = metrics.families.genAiDuration.definition.buckets!.filter((bound) => bound >= 0.32);
    const buckets = await query('gen_ai_server_request_duration_seconds_bucket{le!="+Inf"} == 1');
    expect(buckets.map(({ metric }) => Number(metric['le'])).sort((a, b) => a - b)).toEqual(bounds);
    const [requests] = await query('tierkit_requests_total{operation="a operation"}');
    expect(requests!.value[1]).toBe('3');
  });
});

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, text: string];
}
