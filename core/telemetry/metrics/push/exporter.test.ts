import type { ExportResult } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { describe, expect, it } from 'vitest';

import { WatchedExporter } from './exporter.ts';

type Export = PushMetricExporter['export'];

const METRICS = {
  resource: emptyResource(),
  scopeMetrics: [{ scope: { name: 's' }, metrics: [{ dataPoints: [1, 2] }, { dataPoints: [3] }] }],
} as unknown as ResourceMetrics;

function watched(answer: Export, timeoutMs = 60_000) {
  const reports: (string | undefined)[] = [];
  let asked = 0;
  const exporter: PushMetricExporter = {
    export: (metrics, done) => {
      asked++;
      answer(metrics, done);
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const own = new WatchedExporter({ exporter, timeoutMs, report: (failure) => reports.push(failure?.message) });
  const send = (): Promise<ExportResult> => new Promise((resolve) => own.export(METRICS, resolve));
  return { own, send, reports, asked: () => asked };
}

const OK: Export = (_, done) => done({ code: 0 });
const down: Export = (_, done) => done({ code: 1, error: new Error('ECONNREFUSED') });

describe('exports of metrics', () => {
  it('are counted in points', async () => {
    const { own, send } = watched(OK);
    await send();
    await send();
    expect(own.counts).toEqual({ exported: 6, dropped: 0, failedExports: 0 });
  });

  it('that begin to fail are told once, and once when they work again', async () => {
    let answer = down;
    const { own, send, reports } = watched((metrics, done) => answer(metrics, done));
    for (let reading = 0; reading < 3; reading++) {
      own.begin();
      expect((await send()).code).toBe(1);
    }
    answer = () => {
      throw new Error('broken');
    };
    own.begin();
    expect((await send()).error?.message).toBe('broken');
    expect(reports).toEqual(['ECONNREFUSED']);
    expect(own.counts).toEqual({ exported: 0, dropped: 12, failedExports: 4 });
    answer = OK;
    own.begin();
    await send();
    await send();
    expect(reports).toEqual(['ECONNREFUSED', undefined]);
    expect(own.counts.exported).toBe(6);
  });

  it('of one reading are not tried further once one has failed', async () => {
    const { own, send, asked } = watched(down);
    own.begin();
    for (let part = 0; part < 5; part++) expect((await send()).code).toBe(1);
    expect(asked()).toBe(1);
    expect(own.counts).toEqual({ exported: 0, dropped: 15, failedExports: 1 });
    own.begin();
    await send();
    expect(asked()).toBe(2);
  });

  it('that hang are given up, and no other is begun beside them', async () => {
    const answers: ((result: ExportResult) => void)[] = [];
    const { own, send, asked, reports } = watched((_, done) => void answers.push(done), 10);
    expect((await send()).error?.message).toBe('no answer within 10 ms');
    own.begin();
    expect((await send()).error?.message).toBe('the export before has not ended');
    expect(asked()).toBe(1);
    // A late answer changes no count, and makes room.
    answers[0]!({ code: 0 });
    expect(own.counts).toEqual({ exported: 0, dropped: 6, failedExports: 2 });
    own.begin();
    const last = send();
    answers[1]!({ code: 0 });
    expect((await last).code).toBe(0);
    expect(reports).toEqual(['no answer within 10 ms', undefined]);
  });
});
