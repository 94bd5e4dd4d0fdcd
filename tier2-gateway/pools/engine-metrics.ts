import { MetricsText, type Sample } from './prometheus-text.ts';

/** What an engine says of itself. */
export interface EndpointMetrics {
  readonly engine: Engine;
  readonly running: number;
  readonly waiting: number;
  /** Share of the KV cache in use, 0–1. */
  readonly kvUsage: number;
  /** Those of the three above that the page does not have, and that are 0 for want of better: they say nothing. */
  readonly unreported: readonly Load[];
  /** Tokens in a block of the KV cache. */
  readonly blockSize?: number;
  /** Blocks of the KV cache, over all ranks behind this endpoint. */
  readonly numBlocks?: number;
  /** Adapters that can be loaded at one time. */
  readonly maxLora?: number;
  readonly runningLoras: readonly string[];
  readonly waitingLoras: readonly string[];
  /** Tokens looked up in the prefix cache and found there, since the engine's start: less than before means a restart. */
  readonly prefixQueries?: number;
  readonly prefixHits?: number;
}

const LOADS = ['running', 'waiting', 'kvUsage'] as const;
export type Load = (typeof LOADS)[number];

/** Values of the pod label `llm-d.ai/engine-type`. */
export const ENGINES = ['vllm', 'sglang', 'trtllm-serve', 'triton-tensorrt-llm', 'triton'] as const;
export type Engine = (typeof ENGINES)[number];

export const ENGINE_LABEL = 'llm-d.ai/engine-type';

/** How the lines of each engine begin; triton's own metrics stand beside those of its TensorRT-LLM backend, so it comes last. */
const PREFIXES: Readonly<Record<Engine, string>> = {
  vllm: 'vllm:',
  sglang: 'sglang:',
  'trtllm-serve': 'trtllm_',
  'triton-tensorrt-llm': 'nv_trt_llm_',
  triton: 'nv_inference_',
};

/**
 * Reads the page of an engine.
 * @param label the pod's {@link ENGINE_LABEL}: it decides, unless the page has nothing of that engine
 * @returns undefined for a page that has none of the numbers that are looked for
 */
export function readEngineMetrics(page: string, label?: string): EndpointMetrics | undefined {
  const text = new MetricsText(page);
  const named = ENGINES.find((engine) => engine === label);
  for (const engine of named === undefined ? ENGINES : [named, ...ENGINES.filter((other) => other !== named)]) {
    if (!text.hasPrefix(PREFIXES[engine])) continue;
    const { running, waiting, kvUsage, runningLoras = [], waitingLoras = [], ...others } = READERS[engine](text);
    const loads = { running, waiting, kvUsage };
    const unreported = LOADS.filter((name) => loads[name] === undefined);
    if (unreported.length === LOADS.length) continue;
    const known = Object.entries(others).filter(([, value]) => value !== undefined);
    return {
      engine,
      running: running ?? 0,
      waiting: waiting ?? 0,
      kvUsage: kvUsage ?? 0,
      unreported,
      runningLoras,
      waitingLoras,
      ...(Object.fromEntries(known) as Partial<Record<keyof typeof others, number>>),
    };
  }
  return undefined;
}

interface Numbers {
  readonly running: number | undefined;
  readonly waiting: number | undefined;
  readonly kvUsage: number | undefined;
  readonly blockSize?: number | undefined;
  readonly numBlocks?: number | undefined;
  readonly maxLora?: number | undefined;
  readonly prefixQueries?: number | undefined;
  readonly prefixHits?: number | undefined;
  readonly runningLoras?: readonly string[];
  readonly waitingLoras?: readonly string[];
}

const READERS: Readonly<Record<Engine, (text: MetricsText) => Numbers>> = {
  vllm: (text) => {
    const cache = text.samples('vllm:cache_config_info');
    return {
      running: sum(text.samples('vllm:num_requests_running')),
      waiting: sum(text.samples('vllm:num_requests_waiting')),
      // The older name; a page may have both.
      kvUsage: share(either(text, 'vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc')),
      blockSize: labelled(cache, 'block_size')[0],
      numBlocks: allOf(cache, 'num_gpu_blocks'),
      prefixQueries: sum(either(text, 'vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total')),
      prefixHits: sum(either(text, 'vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total')),
      ...readLoras(text.samples('vllm:lora_requests_info')),
    };
  },
  sglang: (text) => {
    const cache = firstRanks(text.samples('sglang:cache_config_info'));
    return {
      running: sum(firstRanks(text.samples('sglang:num_running_reqs'))),
      waiting: sum(firstRanks(text.samples('sglang:num_queue_reqs'))),
      kvUsage: share(firstRanks(text.samples('sglang:token_usage'))),
      blockSize: labelled(cache, 'page_size')[0],
      numBlocks: allOf(cache, 'num_pages'),
      prefixQueries: sum(firstRanks(text.samples('sglang:prompt_tokens_total'))),
      prefixHits: sum(firstRanks(text.samples('sglang:cached_tokens_total'))),
    };
  },
  'trtllm-serve': (text) => ({
    running: sum(text.samples('trtllm_num_requests_running')),
    waiting: sum(text.samples('trtllm_num_requests_waiting')),
    kvUsage: share(text.samples('trtllm_kv_cache_utilization')),
    blockSize: positive(sum(text.samples('trtllm_kv_cache_tokens_per_block').slice(0, 1))),
    numBlocks: positive(sum(text.samples('trtllm_kv_cache_max_blocks'))),
  }),
  'triton-tensorrt-llm': (text) => {
    const requests = text.samples('nv_trt_llm_request_metrics');
    const cache = text.samples('nv_trt_llm_kv_cache_block_metrics');
    const block = (type: string) => cache.filter(({ labels }) => labels['kv_cache_block_type'] === type);
    return {
      running: sum(requests.filter(({ labels }) => labels['request_type'] === 'scheduled')),
      waiting: sum(requests.filter(({ labels }) => labels['request_type'] === 'waiting')),
      kvUsage: share(block('fraction')),
      blockSize: positive(sum(block('tokens_per').slice(0, 1))),
      numBlocks: positive(sum(block('max'))),
    };
  },
  // nv_inference_exec_count, which the reference takes for the running requests, counts all that ever ran.
  triton: (text) => ({ running: undefined, waiting: sum(text.samples('nv_inference_pending_request_count')), kvUsage: undefined }),
};

function either(text: MetricsText, name: string, olderName: string): Sample[] {
  const samples = text.samples(name);
  return samples.length > 0 ? samples : text.samples(olderName);
}

/** Over the ranks and models behind one port. NaN and numbers below 0 are no counts. */
function sum(samples: readonly Sample[]): number | undefined {
  return total(samples.map(({ value }) => value).filter((value) => Number.isFinite(value) && value >= 0));
}

function total(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((all, value) => all + value, 0);
}

/** The mean over the ranks behind one port, within 0–1. */
function share(samples: readonly Sample[]): number | undefined {
  const values = samples.map(({ value }) => value).filter((value) => Number.isFinite(value));
  return values.length === 0 ? undefined : Math.min(1, Math.max(0, values.reduce((all, value) => all + value, 0) / values.length));
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

/** Numbers in labels. vLLM writes "None" until it has measured its memory. */
function labelled(samples: readonly Sample[], label: string): number[] {
  return samples
    .map(({ labels }) => labels[label] ?? '')
    .filter((value) => /^\d{1,15}$/.test(value) && Number(value) > 0)
    .map(Number);
}

/** Over all ranks; with one rank that does not know yet, none is known. */
function allOf(samples: readonly Sample[], label: string): number | undefined {
  const values = labelled(samples, label);
  return values.length === samples.length ? total(values) : undefined;
}

/** Ranks of tensor and pipeline parallelism report the same requests; only data-parallel ranks have their own. */
function firstRanks(samples: readonly Sample[]): Sample[] {
  return samples.filter(({ labels }) => (labels['tp_rank'] ?? '0') === '0' && (labels['pp_rank'] ?? '0') === '0');
}

/** Each set of adapters that there ever was is a sample; its value is the time when it last held. */
function readLoras(samples: readonly Sample[]): Pick<Numbers, 'maxLora' | 'runningLoras' | 'waitingLoras'> {
  let current: Sample | undefined;
  for (const sample of samples) {
    if (Number.isFinite(sample.value) && (current === undefined || sample.value >= current.value)) current = sample;
  }
  if (current === undefined) return {};
  const { labels } = current;
  const names = (label: string) =>
    (labels[label] ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  const [maxLora] = labelled([current], 'max_lora');
  return { maxLora, runningLoras: names('running_lora_adapters'), waitingLoras: names('waiting_lora_adapters') };
}
