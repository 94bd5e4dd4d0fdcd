import { describe, expect, it } from 'vitest';

import { formatOf, renderFamily } from './exposition.ts';
import { Family, familyOf } from './family.ts';
import { Counter, Gauge, Histogram } from './instruments.ts';

const counter = () => familyOf({ type: 'counter', name: 'x_total', help: 'a\\b\nc', unit: '', labels: ['one', 'two'], tiers: [] } as const);
const histogram = () =>
  familyOf({ type: 'histogram', name: 'h', help: 'help', unit: 's', labels: ['one'], tiers: [], buckets: [0.5, 1] } as const);

describe('a page', () => {
  it('has every series with its labels, escaped, and none for an empty value', () => {
    const family = counter();
    family.with('a"b\\c\nd', 'e').inc(3);
    family.with('plain', '').inc();
    expect(renderFamily(family, 'text')).toBe(
      '# HELP x_total a\\\\b\\nc\n# TYPE x_total counter\nx_total{one="a\\"b\\\\c\\nd",two="e"} 3\nx_total{one="plain"} 1\n',
    );
  });

  it('has nothing of a metric without series', () => {
    expect(renderFamily(counter(), 'text')).toBe('');
  });

  it('counts what lies on a bound with it, and adds the buckets up', () => {
    const family = histogram();
    const child = family.with('a');
    for (const value of [0.5, 0.50001, 1, 7]) child.observe(value);
    expect(renderFamily(family, 'text')).toContain(
      'h_bucket{one="a",le="0.5"} 1\nh_bucket{one="a",le="1"} 3\nh_bucket{one="a",le="+Inf"} 4\nh_sum{one="a"} 9.00001\nh_count{one="a"} 4\n',
    );
  });

  it('says in OpenMetrics what the older text cannot: exemplars; bounds are floats, and a counter has its name without _total', () => {
    const family = histogram();
    family.with('').observe(0.7, 'abc');
    const page = renderFamily(family, 'openmetrics');
    expect(page).toMatch(/^h_bucket\{le="1\.0"\} 1 # \{trace_id="abc"\} 0\.7 \d{10}\.\d{3}$/m);
    expect(page).toContain('h_bucket{le="+Inf"} 1\n');
    expect(renderFamily(family, 'text')).not.toContain('#{');
    const counted = counter();
    counted.with('a', 'b').inc(1, 'def');
    expect(renderFamily(counted, 'openmetrics')).toMatch(/# TYPE x counter\nx_total\{one="a",two="b"\} 1 # \{trace_id="def"\} 1 /);
  });

  it('writes numbers as Prometheus reads them', () => {
    const family = familyOf({ type: 'gauge', name: 'g', help: '', unit: '', labels: ['v'], tiers: [] } as const);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21]) family.with(String(value)).set(value);
    expect(renderFamily(family, 'text').match(/ \S+$/gm)).toEqual([' gauge', ' NaN', ' +Inf', ' -Inf', ' 1e+21']);
  });

  it('is OpenMetrics only for those who ask', () => {
    expect([undefined, '*/*', 'text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.9'].map(formatOf)).toEqual([
      'text',
      'text',
      'openmetrics',
    ]);
  });
});

describe('a family', () => {
  it('gives one series for one set of values', () => {
    const family = counter();
    expect(family.with('a', 'b')).toBe(family.with('a', 'b'));
    expect(family.with('a', 'b')).not.toBe(family.with('ab', ''));
  });

  it('puts together what is too much, and keeps the sum', () => {
    const family = new Family<readonly ['l'], Counter>(
      { name: 'x_total', type: 'counter', help: '', unit: '', labels: ['l'], tiers: [] },
      (labels) => new Counter(labels),
      10,
    );
    for (let at = 0; at < 1000; at++) family.with(`v${at}`).inc();
    expect(family.size).toBe(11);
    expect(family.with('other').value).toBe(990);
    expect(family.overflowed).toBe(990);
  });

  it('forgets the series of a value', () => {
    const family = counter();
    family.with('a', 'x').inc();
    family.with('b', 'x').inc();
    family.remove('one', 'a');
    family.remove('no label of it', 'b');
    expect([...family.series()].map(({ labels }) => labels)).toEqual([['b', 'x']]);
  });

  it('without labels is there from the start', () => {
    const family = familyOf({ type: 'gauge', name: 'g', help: '', unit: '', labels: [], tiers: [] } as const);
    expect(renderFamily(family, 'text')).toContain('\ng 0\n');
  });

  it('makes what its row says', () => {
    expect(counter().with('a', 'b')).toBeInstanceOf(Counter);
    expect(histogram().with('a')).toBeInstanceOf(Histogram);
    expect(familyOf({ type: 'gauge', name: 'g', help: '', unit: '', labels: [], tiers: [] } as const).with()).toBeInstanceOf(Gauge);
  });
});
