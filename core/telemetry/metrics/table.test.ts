import { describe, expect, it } from 'vitest';

import { Metrics } from '../metrics.ts';
import type { Definition } from './definition.ts';
import { METRICS, RESERVED } from './table.ts';

const ROWS: readonly Definition[] = Object.values(METRICS);

const rising = (buckets: readonly number[]): boolean => buckets.every((bound, at) => at === 0 || bound > buckets[at - 1]!);

describe('the table of metrics', () => {
  it('names each once, and as Prometheus wants it', () => {
    expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length);
    for (const { name, type, labels, help } of ROWS) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      for (const label of labels) expect(label).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(new Set(labels).size).toBe(labels.length);
      expect(help).not.toMatch(/\.$/);
    }
  });

  it('leaves the names of the MCP metrics to those', () => {
    expect(RESERVED).toHaveLength(5);
    for (const { name } of ROWS) {
      expect(RESERVED).not.toContain(name);
      // Lines of a histogram have names as well.
      for (const reserved of RESERVED) expect([name, name.replace(/_(bucket|sum|count)$/, '') === reserved]).toEqual([name, false]);
    }
  });

  it('has bounds that rise for every histogram, and for nothing else', () => {
    expect(ROWS.filter(({ type, buckets }) => (buckets !== undefined) !== (type === 'histogram'))).toEqual([]);
    expect(ROWS.filter(({ buckets }) => buckets !== undefined && !rising(buckets))).toEqual([]);
  });

  it('has the reference’s four with its buckets', () => {
    expect(METRICS.tokenUsage.buckets).toEqual([1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]);
    expect(METRICS.genAiDuration.buckets).toEqual([0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]);
    expect(METRICS.timeToFirstToken.buckets!.slice(-5)).toEqual([15, 20, 30, 45, 60]);
    expect(METRICS.timePerOutputToken.buckets).toHaveLength(13);
  });

  it('is split by tier: tokens are counted at tier one alone', async () => {
    const pages = await Promise.all((['one', 'two', 'epp'] as const).map((tier) => new Metrics(tier).page()));
    const has = (name: string): boolean[] =>
      pages.map(({ body }) => body.includes(`\n# TYPE ${name} `) || body.startsWith(`# HELP ${name} `));
    expect(has('tierkit_budget_reads_failed_total')).toEqual([true, false, false]);
    expect(has('tierkit_requests_in_flight')).toEqual([true, true, true]);
    const one = new Metrics('one');
    const two = new Metrics('two');
    for (const { families } of [one, two]) families.tokenUsage.with('chat', 'openai', 'm', 'm', 'm', 'input').observe(1);
    expect((await one.page()).body).toContain('gen_ai_client_token_usage_count');
    expect((await two.page()).body).not.toContain('gen_ai_');
  });

  it('shows what is there though a collector fails', async () => {
    const metrics = new Metrics('one');
    metrics.onCollect(() => Promise.reject(new Error('away')));
    metrics.onCollect(() => {
      throw new Error('broken');
    });
    metrics.onCollect(() => metrics.families.inFlight.with().set(7));
    expect((await metrics.page()).body).toContain('\ntierkit_requests_in_flight 7\n');
  });

  it('drops the series of a client that has lost its place, also from what is bound', async () => {
    const metrics = new Metrics('one');
    let forgotten = '';
    metrics.onForget((value) => (forgotten = value));
    for (let at = 0; at < 200; at++) metrics.families.clientTokens.with(metrics.clients.of(`c${at}`, 0), 'input').inc();
    expect(metrics.clients.of('late', 1)).toBe('other');
    expect(metrics.clients.of('late', 4_000_000)).toBe('late');
    expect(forgotten).toBe('c199');
    expect((await metrics.page()).body).not.toContain('client_id="c0"');
  });
});
