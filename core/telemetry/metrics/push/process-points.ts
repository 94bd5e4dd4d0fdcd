import { ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram as HistogramValue,
  type MetricData,
} from '@opentelemetry/sdk-metrics';

import type { ProcessMetrics } from '../process.ts';
import { type Attributes, gaugeOf, hrTime, sumOf } from './points.ts';

/** prom-client's metrics of the process count from its start on. */
const STARTED_AT = hrTime(performance.timeOrigin);

/** Metrics of the process as the SDK's exporters take them. Their names have their units. */
export async function processMetrics(process: ProcessMetrics, now: number): Promise<MetricData[]> {
  const metrics = await process.values();
  return metrics.flatMap(({ name, type, help, values }) => {
    if (values.length === 0) return [];
    const descriptor = { name, unit: '', description: help, valueType: ValueType.DOUBLE };
    const endTime = hrTime(now);
    const point = <T>(labels: Attributes, value: T, startTime = endTime): DataPoint<T> => ({
      startTime,
      endTime,
      attributes: labels,
      value,
    });
    if (type === 'histogram') {
      const dataPoints = histogramsOf(values).map(([labels, value]) => point(labels, value, STARTED_AT));
      return [
        { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE, dataPointType: DataPointType.HISTOGRAM, dataPoints },
      ];
    }
    if (type === 'counter')
      return [
        sumOf(
          descriptor,
          values.map(({ labels, value }) => point(labels, value, STARTED_AT)),
        ),
      ];
    return [
      gaugeOf(
        descriptor,
        values.map(({ labels, value }) => point(labels, value)),
      ),
    ];
  });
}

interface Line {
  readonly name: string;
  readonly labels: Attributes;
  readonly value: number;
}

/** prom-client has a line for each bucket, which counts those below it as well. */
function histogramsOf(lines: readonly Line[]): [Attributes, HistogramValue][] {
  const found = new Map<string, { labels: Attributes; boundaries: number[]; below: number[]; sum: number; count: number }>();
  for (const { name, labels: given, value } of lines) {
    const { le, ...labels } = given;
    const key = JSON.stringify(labels);
    let histogram = found.get(key);
    if (histogram === undefined) found.set(key, (histogram = { labels, boundaries: [], below: [], sum: 0, count: 0 }));
    if (le === undefined) {
      if (name.endsWith('_sum')) histogram.sum = value;
      else histogram.count = value;
    } else if (le !== '+Inf') {
      histogram.boundaries.push(Number(le));
      histogram.below.push(value);
    }
  }
  return [...found.values()].map(({ labels, boundaries, below, sum, count }) => {
    const counts = [...below, count].map((upTo, at) => upTo - (at === 0 ? 0 : below[at - 1]!));
    return [labels, { buckets: { boundaries, counts }, sum, count }];
  });
}
