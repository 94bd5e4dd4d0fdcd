import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';

import { ExportQueue } from './queue.ts';

const SPAN = { name: 's' } as ReadableSpan;
const SETTINGS = { most: 100, mostBytes: 1_000_000, batch: 10, delayMs: 1 };

type Export = SpanExporter['export'];

function queueTo(answer: Export, settings: Partial<typeof SETTINGS> = {}) {
  const reports: (string | undefined)[] = [];
  const batches: number[] = [];
  const exporter: SpanExporter = {
    export: (spans, done) => {
      batches.push(spans.length);
      answer(spans, done);
    },
    shutdown: () => Promise.resolve(),
  };
  const queue = new ExportQueue({ exporter, settings: { ...SETTINGS, ...settings }, report: (failure) => reports.push(failure?.message) });
  return { queue, reports, batches };
}

const ok: Export = (_, done) => void setImmediate(() => done({ code: 0 }));
const item = (bytes = 10, spans = 1) => ({ bytes, build: () => Array.from({ length: spans }, () => SPAN) });

describe('the queue', () => {
  it('exports everything, in batches', async () => {
    const { queue, batches } = queueTo(ok);
    for (let each = 0; each < 35; each++) queue.push(item());
    await queue.flush(2000);
    expect(queue.counts).toEqual({ exported: 35, dropped: 0, failedExports: 0, waiting: 0 });
    expect(batches).toEqual([10, 10, 10, 5]);
  });

  it('cuts a batch where its bytes are many', async () => {
    const { queue, batches } = queueTo(ok);
    for (let each = 0; each < 4; each++) queue.push(item(200_000));
    await queue.flush(2000);
    expect(batches).toEqual([2, 2]);
  });

  it('drops and counts what does not fit, by number and by bytes', async () => {
    const { queue } = queueTo(ok, { most: 5, mostBytes: 1000 });
    for (let each = 0; each < 8; each++) queue.push(item());
    expect(queue.counts).toMatchObject({ waiting: 5, dropped: 3 });
    await queue.flush(2000);
    queue.push(item(2000));
    expect(queue.counts).toMatchObject({ exported: 5, dropped: 4 });
    // There is room again, for as much as before.
    for (let each = 0; each < 10; each++) {
      queue.push(item(900));
      await queue.flush(2000);
    }
    expect(queue.counts).toMatchObject({ exported: 15, dropped: 4 });
  });

  it('goes on past an exporter that refuses or throws, says so once, and says when it works again', async () => {
    let mode = 'refuse';
    const { queue, reports } = queueTo((spans, done) => {
      if (mode === 'throw') throw new Error('broken');
      if (mode === 'refuse') done({ code: 1, error: new Error('ECONNREFUSED') });
      else ok(spans, done);
    });
    queue.push(item());
    await queue.flush(2000);
    mode = 'throw';
    queue.push(item());
    await queue.flush(2000);
    expect(queue.counts).toMatchObject({ exported: 0, dropped: 2, failedExports: 2 });
    expect(reports).toEqual(['ECONNREFUSED']);
    mode = 'ok';
    queue.push(item());
    await queue.flush(2000);
    expect(reports).toEqual(['ECONNREFUSED', undefined]);
    expect(queue.counts.exported).toBe(1);
  });

  it('holds no more than its bound while the exporter hangs, and ends all the same', async () => {
    const { queue, batches } = queueTo(() => undefined, { most: 20 });
    for (let each = 0; each < 10_000; each++) {
      queue.push(item());
      if (each % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(queue.counts.waiting).toBeLessThanOrEqual(20);
    expect(queue.counts.dropped).toBeGreaterThan(9000);
    expect(batches).toHaveLength(1);
    await queue.close(20);
    queue.push(item());
    expect(queue.counts.waiting).toBe(0);
  });

  it('survives a request whose spans cannot be built', async () => {
    const { queue, reports } = queueTo(ok);
    queue.push({
      bytes: 1,
      build: () => {
        throw new Error('odd');
      },
    });
    queue.push(item());
    await queue.flush(2000);
    expect(queue.counts).toMatchObject({ exported: 1, dropped: 1 });
    expect(reports[0]).toBe('odd');
  });

  it('exports what waits before it closes', async () => {
    const { queue } = queueTo(ok, { delayMs: 60_000 });
    queue.push(item());
    await queue.close(2000);
    await queue.close(2000);
    expect(queue.counts).toMatchObject({ exported: 1, dropped: 0, waiting: 0 });
  });
});
