import { expect, test } from 'vitest';

import { VirtualClock } from '../clock.ts';
import { SegmentContent } from '../engine/content.ts';
import { tokenBuckets } from '../engine/metrics.ts';
import { profileOf } from '../engine/profile.ts';
import { SimulatedPod } from '../pod.ts';
import { metricsText } from './metrics-text.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format 0.0.4 strictly: every line must be a HELP, a TYPE or a sample of the family that was announced last. */
function parse(text: string): { types: Map<string, string>; samples: Sample[] } {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  let family = '';
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      if (comment[1] === 'HELP') {
        if (types.has(comment[2]!)) throw new Error(`${line} comes twice`);
        family = comment[2]!;
      } else {
        if (comment[2] !== family) throw new Error(`${line} stands under ${family}`);
        types.set(family, comment[3]!);
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\d[\d.e+-]*)$/.exec(line);
    if (sample === null) throw new Error(`no sample: ${line}`);
    const labels = Object.fromEntries([...sample[2]!.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((m) => [m[1]!, m[2]!]));
    const name = sample[1]!;
    expect(types.get(family) === 'histogram' ? name.replace(/_(bucket|count|sum)$/, '') : name).toBe(family);
    samples.push({ name, labels, value: Number(sample[3]) });
  }
  return { types, samples };
}

/** As in vLLM's `PrometheusStatLogger`; counters carry the suffix of Prometheus' client. */
const NAMES: Readonly<Record<string, string>> = {
  'vllm:num_requests_running': 'gauge',
  'vllm:num_requests_waiting': 'gauge',
  'vllm:num_requests_waiting_by_reason': 'gauge',
  'vllm:engine_sleep_state': 'gauge',
  'vllm:kv_cache_usage_perc': 'gauge',
  'vllm:prefix_cache_queries_total': 'counter',
  'vllm:prefix_cache_hits_total': 'counter',
  'vllm:external_prefix_cache_queries_total': 'counter',
  'vllm:external_prefix_cache_hits_total': 'counter',
  'vllm:num_preemptions_total': 'counter',
  'vllm:prompt_tokens_total': 'counter',
  'vllm:prompt_tokens_cached_total': 'counter',
  'vllm:generation_tokens_total': 'counter',
  'vllm:request_success_total': 'counter',
  'vllm:request_prompt_tokens': 'histogram',
  'vllm:request_generation_tokens': 'histogram',
  'vllm:iteration_tokens_total': 'histogram',
  'vllm:request_max_num_generation_tokens': 'histogram',
  'vllm:request_params_n': 'histogram',
  'vllm:request_params_max_tokens': 'histogram',
  'vllm:time_to_first_token_seconds': 'histogram',
  'vllm:inter_token_latency_seconds': 'histogram',
  'vllm:request_time_per_output_token_seconds': 'histogram',
  'vllm:e2e_request_latency_seconds': 'histogram',
  'vllm:request_queue_time_seconds': 'histogram',
  'vllm:request_inference_time_seconds': 'histogram',
  'vllm:request_prefill_time_seconds': 'histogram',
  'vllm:request_decode_time_seconds': 'histogram',
  'vllm:request_prefill_kv_computed_tokens': 'histogram',
  'vllm:cache_config_info': 'gauge',
};

function podWith(loras: readonly string[] = []): {
  pod: SimulatedPod;
  clock: VirtualClock;
  ask: (id: string, output: number, lora?: string) => void;
} {
  const pod = new SimulatedPod({ name: 'p', model: 'base "x"', profile: profileOf('demo'), loras, maxLoras: 1 });
  const clock = new VirtualClock();
  clock.add(pod);
  const ask = (id: string, output: number, lora?: string): void => {
    const content = new SegmentContent([{ id: 1, length: 100 }], 2);
    pod.submit(
      { id, content, outputTokens: output, ends: 'length', maxTokens: output, ...(lora === undefined ? {} : { lora }) },
      {},
      clock.now,
    );
  };
  return { pod, clock, ask };
}

test('names, types, labels and buckets are vLLM’s, and the numbers add up', () => {
  const { pod, clock, ask } = podWith();
  ask('a', 10);
  clock.run();
  ask('b', 5);
  const running = parse(metricsText(pod, 'base "x"', clock.now, 0));
  expect(running.samples.find(({ name }) => name === 'vllm:num_requests_running')!.value).toBe(1);
  clock.run();
  const { types, samples } = parse(metricsText(pod, 'base "x"', clock.now, 0));
  expect(Object.fromEntries(types)).toEqual(NAMES);
  const value = (name: string, labels: Readonly<Record<string, string>> = {}): number => {
    const found = samples.filter((one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text));
    if (found.length !== 1) throw new Error(`${name} is there ${found.length} times`);
    return found[0]!.value;
  };
  for (const { labels } of samples.filter(({ name }) => name !== 'vllm:cache_config_info')) {
    expect(labels).toMatchObject({ engine: '0', model_name: String.raw`base \"x\"` });
  }
  expect(value('vllm:generation_tokens_total')).toBe(15);
  expect(value('vllm:prompt_tokens_total')).toBe(200);
  expect(value('vllm:prefix_cache_queries_total')).toBe(200);
  expect(value('vllm:prefix_cache_hits_total')).toBe(96);
  expect(value('vllm:request_success_total', { finished_reason: 'length' })).toBe(2);
  expect(value('vllm:time_to_first_token_seconds_count')).toBe(2);
  // Between the tokens of each answer.
  expect(value('vllm:inter_token_latency_seconds_count')).toBe(9 + 4);
  expect(value('vllm:request_prefill_kv_computed_tokens_sum')).toBe(100 + 4);
  expect(value('vllm:num_requests_running')).toBe(0);
  expect(value('vllm:cache_config_info', { block_size: '16', num_gpu_blocks: '8192' })).toBe(1);
  for (const [name] of [...types].filter(([, type]) => type === 'histogram')) {
    const buckets = samples.filter((one) => one.name === `${name}_bucket`);
    expect(buckets.at(-1)!.labels['le']).toBe('+Inf');
    expect(buckets.at(-1)!.value).toBe(value(`${name}_count`));
    const counts = buckets.map((bucket) => bucket.value);
    expect(counts).toEqual(counts.toSorted((one, other) => one - other));
  }
  const bounds = (name: string): string[] => samples.filter((one) => one.name === `${name}_bucket`).map(({ labels }) => labels['le']!);
  expect(bounds('vllm:time_to_first_token_seconds').slice(0, 9)).toEqual([
    '0.001',
    '0.005',
    '0.01',
    '0.02',
    '0.04',
    '0.06',
    '0.08',
    '0.1',
    '0.25',
  ]);
  expect(bounds('vllm:e2e_request_latency_seconds').slice(-3)).toEqual(['1920.0', '7680.0', '+Inf']);
});

test('buckets of tokens grow to the longest sequence', () => {
  expect(tokenBuckets(100)).toEqual([1, 2, 5, 10, 20, 50, 100]);
  expect(tokenBuckets(32_768).at(-1)).toBe(20_000);
});

test('adapters: absent at first, then the newest label set says what runs and what waits', () => {
  const { pod, clock, ask } = podWith(['sql', 'poet']);
  const newest = (): Sample | undefined =>
    parse(metricsText(pod, 'm', clock.now, 1e12))
      .samples.filter(({ name }) => name === 'vllm:lora_requests_info')
      .toSorted((one, other) => other.value - one.value)[0];
  expect(newest()).toBe(undefined);
  ask('a', 100, 'sql');
  clock.run(300);
  ask('b', 1, 'poet');
  clock.run(400);
  expect(newest()!.labels).toEqual({ max_lora: '1', running_lora_adapters: 'sql', waiting_lora_adapters: 'poet' });
  expect(newest()!.value).toBeCloseTo(1e9 + 0.4);
  clock.run();
  expect(newest()!.labels).toEqual({ max_lora: '1', running_lora_adapters: '', waiting_lora_adapters: '' });
});
