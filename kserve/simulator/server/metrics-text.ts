import type { EngineMetrics, Histogram } from '../engine/metrics.ts';
import type { EngineSnapshot } from '../engine/engine.ts';
import type { SimulatedPod } from '../pod.ts';

type Rank = { readonly rank: number; readonly metrics: EngineMetrics; readonly snapshot: EngineSnapshot };

/** Counters: name without `_total`, help in our words, value. */
const COUNTERS: readonly (readonly [string, string, (metrics: EngineMetrics) => number])[] = [
  ['vllm:prefix_cache_queries', 'Prompt tokens that were looked up in the prefix cache.', (m) => m.prefixCacheQueries],
  ['vllm:prefix_cache_hits', 'Prompt tokens that the prefix cache had.', (m) => m.prefixCacheHits],
  ['vllm:external_prefix_cache_queries', 'Prompt tokens that were asked of another pod.', (m) => m.externalPrefixCacheQueries],
  ['vllm:external_prefix_cache_hits', 'Prompt tokens whose KV cache came from another pod.', (m) => m.externalPrefixCacheHits],
  ['vllm:num_preemptions', 'Sequences that gave their blocks back and started again.', (m) => m.preemptions],
  ['vllm:prompt_tokens', 'Prompt tokens.', (m) => m.promptTokens],
  ['vllm:prompt_tokens_cached', 'Prompt tokens that were cached here or came from another pod.', (m) => m.promptTokensCached],
  ['vllm:generation_tokens', 'Tokens of answers.', (m) => m.generationTokens],
];

const HISTOGRAMS: readonly (readonly [string, string, (metrics: EngineMetrics) => Histogram])[] = [
  ['vllm:request_prompt_tokens', 'Prompt tokens of a request.', (m) => m.requestPromptTokens],
  ['vllm:request_generation_tokens', 'Tokens of an answer.', (m) => m.requestGenerationTokens],
  ['vllm:iteration_tokens_total', 'Tokens of a step.', (m) => m.iterationTokens],
  ['vllm:request_max_num_generation_tokens', 'Tokens of the longest answer of a request.', (m) => m.requestMaxGenerationTokens],
  ['vllm:request_params_n', 'The parameter n.', (m) => m.parameterN],
  ['vllm:request_params_max_tokens', 'The parameter max_tokens.', (m) => m.parameterMaxTokens],
  ['vllm:time_to_first_token_seconds', 'Arrival to first token.', (m) => m.timeToFirstToken],
  ['vllm:inter_token_latency_seconds', 'One token to the next.', (m) => m.interTokenLatency],
  ['vllm:request_time_per_output_token_seconds', 'Mean time of a token, by request.', (m) => m.timePerOutputToken],
  ['vllm:e2e_request_latency_seconds', 'Arrival to last token.', (m) => m.e2eLatency],
  ['vllm:request_queue_time_seconds', 'Time in the queue.', (m) => m.queueTime],
  ['vllm:request_inference_time_seconds', 'Time out of the queue.', (m) => m.inferenceTime],
  ['vllm:request_prefill_time_seconds', 'Queue to first token.', (m) => m.prefillTime],
  ['vllm:request_decode_time_seconds', 'First to last token.', (m) => m.decodeTime],
  ['vllm:request_prefill_kv_computed_tokens', 'Prompt tokens of a request that were computed.', (m) => m.prefillComputedTokens],
];

/**
 * The Prometheus text (format 0.0.4) of a pod, with vLLM's names, labels and buckets. Gauges are read now.
 * @param now on the pod's clock
 * @param origin the pod's time 0 as Unix time in milliseconds
 */
export function metricsText(pod: SimulatedPod, model: string, now: number, origin: number): string {
  const { ranks } = pod.snapshot(now);
  const rows: Rank[] = ranks.map((snapshot, rank) => ({ rank, snapshot, metrics: pod.metrics(rank) }));
  const lines: string[] = [];
  const labels = (rank: number, more = ''): string => `{engine="${rank}",model_name="${escape(model)}"${more}}`;
  const head = (name: string, type: string, help: string): void => void lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  const gauge = (name: string, help: string, read: (snapshot: EngineSnapshot) => number, more = ''): void => {
    head(name, 'gauge', help);
    for (const { rank, snapshot } of rows) lines.push(`${name}${labels(rank, more)} ${number(read(snapshot))}`);
  };

  gauge('vllm:num_requests_running', 'Requests in the batch.', ({ running }) => running);
  gauge('vllm:num_requests_waiting', 'Requests in the queue.', ({ waiting }) => waiting);
  head('vllm:num_requests_waiting_by_reason', 'gauge', 'Requests in the queue by what they wait for.');
  for (const { rank, snapshot } of rows) {
    const { waiting, deferred } = snapshot;
    lines.push(`vllm:num_requests_waiting_by_reason${labels(rank, ',reason="capacity"')} ${number(waiting - deferred)}`);
    lines.push(`vllm:num_requests_waiting_by_reason${labels(rank, ',reason="deferred"')} ${number(deferred)}`);
  }
  head('vllm:engine_sleep_state', 'gauge', 'Whether the engine is awake, or how deep it sleeps.');
  for (const { rank } of rows) {
    for (const [level, state] of ['awake', 'weights_offloaded', 'discard_all'].entries()) {
      lines.push(`vllm:engine_sleep_state${labels(rank, `,sleep_state="${state}"`)} ${number(pod.sleepLevel === level ? 1 : 0)}`);
    }
  }
  gauge('vllm:kv_cache_usage_perc', 'Share of the KV cache that requests hold, 0 to 1.', ({ kvUsage }) => kvUsage);
  for (const [name, help, read] of COUNTERS) {
    head(`${name}_total`, 'counter', help);
    for (const { rank, metrics } of rows) lines.push(`${name}_total${labels(rank)} ${number(read(metrics))}`);
  }
  head('vllm:request_success_total', 'counter', 'Requests by how they ended.');
  for (const { rank, metrics } of rows) {
    for (const [reason, count] of Object.entries(metrics.success)) {
      lines.push(`vllm:request_success_total${labels(rank, `,finished_reason="${reason}"`)} ${number(count)}`);
    }
  }
  for (const [name, help, read] of HISTOGRAMS) {
    head(name, 'histogram', help);
    for (const { rank, metrics } of rows) histogram(lines, name, read(metrics), (more) => labels(rank, more));
  }
  loraLines(lines, pod, now, origin);
  cacheLines(lines, pod, rows);
  return `${lines.join('\n')}\n`;
}

function histogram(lines: string[], name: string, { bounds, counts, sum, count }: Histogram, labels: (more?: string) => string): void {
  let below = 0;
  for (const [i, bound] of bounds.entries()) {
    below += counts[i]!;
    lines.push(`${name}_bucket${labels(`,le="${number(bound)}"`)} ${number(below)}`);
  }
  lines.push(`${name}_bucket${labels(',le="+Inf"')} ${number(count)}`, `${name}_count${labels()} ${number(count)}`);
  lines.push(`${name}_sum${labels()} ${number(sum)}`);
}

/** The value is the Unix time of the last update, so the newest label set is the true one. Absent until an adapter was asked for. */
function loraLines(lines: string[], pod: SimulatedPod, now: number, origin: number): void {
  if (pod.loraInfo.size === 0) return;
  pod.noteLoras(now);
  lines.push('# HELP vllm:lora_requests_info Adapters of running and waiting requests.', '# TYPE vllm:lora_requests_info gauge');
  for (const { running, waiting, at } of pod.loraInfo.values()) {
    const labels = `max_lora="${pod.settings.maxLoras}",running_lora_adapters="${escape(running)}",waiting_lora_adapters="${escape(waiting)}"`;
    lines.push(`vllm:lora_requests_info{${labels}} ${number((origin + at) / 1000)}`);
  }
}

function cacheLines(lines: string[], pod: SimulatedPod, rows: readonly Rank[]): void {
  const { blockSize, blocks, prefixCaching } = pod.settings;
  lines.push('# HELP vllm:cache_config_info Settings of the KV cache.', '# TYPE vllm:cache_config_info gauge');
  for (const { rank } of rows) {
    const caching = prefixCaching ? 'True' : 'False';
    lines.push(
      `vllm:cache_config_info{block_size="${blockSize}",cache_dtype="auto",enable_prefix_caching="${caching}",engine="${rank}",num_gpu_blocks="${blocks}"} 1.0`,
    );
  }
}

/** Numbers as Python's client writes them: `1.0`. */
function number(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function escape(label: string): string {
  return label
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}
