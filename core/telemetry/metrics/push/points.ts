import { type HrTime, ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram as HistogramValue,
  type MetricData,
} from '@opentelemetry/sdk-metrics';

import type { Child, Family } from '../family.ts';
import { Counter, Histogram } from '../instruments.ts';
import { type OtelNames, otelNames } from './names.ts';

const DOUBLE = ValueType.DOUBLE;
const { CUMULATIVE } = AggregationTemporality;

export type Attributes = Record<string, string>;

/** Labels do not change: what they are called in OTLP is written once. */
const ATTRIBUTES = new WeakMap<Child, Attributes>();

/** A family as the SDK's exporters take it; undefined: it has no series. */
export function metricOf(family: Family, headers: ReadonlyMap<string, string>, now: number): MetricData | undefined {
  if (family.size === 0) return undefined;
  const { type, help } = family.definition;
  const names = otelNames(family.definition, headers);
  const descriptor = { name: names.name, unit: names.unit, description: help, valueType: DOUBLE };
  const at = hrTime(now);
  if (type === 'histogram') {
    const dataPoints = points(family, names, at, (child) => histogramValue(child as Histogram));
    return { descriptor, aggregationTemporality: CUMULATIVE, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = points(family, names, at, (child) => (child as Counter).value);
  return type === 'counter' ? sumOf(descriptor, dataPoints) : gaugeOf(descriptor, dataPoints);
}

export function sumOf(descriptor: MetricData['descriptor'], dataPoints: DataPoint<number>[]): MetricData {
  return { descriptor, aggregationTemporality: CUMULATIVE, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
}

export function gaugeOf(descriptor: MetricData['descriptor'], dataPoints: DataPoint<number>[]): MetricData {
  return { descriptor, aggregationTemporality: CUMULATIVE, dataPointType: DataPointType.GAUGE, dataPoints };
}

function points<T>(family: Family, names: OtelNames, endTime: HrTime, valueOf: (child: Child) => T): DataPoint<T>[] {
  return Array.from(family.series(), (child) => ({
    // A gauge has no beginning.
    startTime: child instanceof Counter || child instanceof Histogram ? hrTime(child.createdAt) : endTime,
    endTime,
    attributes: attributesOf(child, names),
    value: valueOf(child),
  }));
}

/** An empty value is as good as absent, as at /metrics. */
function attributesOf(child: Child, { attributes: keys }: OtelNames): Attributes {
  const known = ATTRIBUTES.get(child);
  if (known !== undefined) return known;
  const attributes: Attributes = {};
  for (let at = 0; at < keys.length; at++) {
    const value = child.labels[at]!;
    if (value !== '') attributes[keys[at]!] = value;
  }
  ATTRIBUTES.set(child, attributes);
  return attributes;
}

/** Counts of a point are those of the moment: the exporter reads them later. */
function histogramValue({ bounds, counts, sum }: Histogram): HistogramValue {
  const copied = Array.from(counts);
  let count = 0;
  for (const each of copied) count += each;
  return { buckets: { boundaries: bounds as number[], counts: copied }, sum, count };
}

/** Seconds and nanoseconds. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))];
}
