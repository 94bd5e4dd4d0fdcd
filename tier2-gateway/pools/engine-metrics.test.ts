import { describe, expect, it } from 'vitest';

import { readEngineMetrics } from './engine-metrics.ts';

/** As vLLM 0.11 writes it: the wanted lines between histograms, HELP lines that name them, and names that begin like them. */
const VLLM = `# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 12083.0
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-32B"} 17.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen3-32B"} 4.0
# HELP vllm:num_requests_waiting_by_reason Waiting requests by reason.
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="0",model_name="Qwen/Qwen3-32B",reason="capacity"} 900.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="Qwen/Qwen3-32B"} 0.6273
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="Qwen/Qwen3-32B"} 1.803214e+06
# HELP vllm:prefix_cache_queries_created Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_created gauge
vllm:prefix_cache_queries_created{engine="0",model_name="Qwen/Qwen3-32B"} 1.7641e+09
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="Qwen/Qwen3-32B"} 1.20119e+06
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="Qwen/Qwen3-32B"} 0.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="Qwen/Qwen3-32B"} 204.0
# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",cache_dtype="auto",calculate_kv_scales="False",cpu_offload_gb="0",enable_prefix_caching="True",engine="0",gpu_memory_utilization="0.9",num_cpu_blocks="None",num_gpu_blocks="19208",num_gpu_blocks_override="None",prefix_caching_hash_algo="sha256",sliding_window="None",swap_space="4"} 1.0
# TYPE vllm:lora_requests_info gauge
vllm:lora_requests_info{max_lora="4",running_lora_adapters="sql,chat",waiting_lora_adapters="summary"} 1.7641000011e+09
vllm:lora_requests_info{max_lora="4",running_lora_adapters="sql",waiting_lora_adapters=""} 1.7641000025e+09
vllm:lora_requests_info{max_lora="4",running_lora_adapters="",waiting_lora_adapters="sql"} 1.7641000002e+09
`;

const SGLANG = `# HELP sglang:num_running_reqs The number of running requests.
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="meta-llama/Llama-3.1-8B-Instruct",pp_rank="0",tp_rank="0"} 3.0
sglang:num_running_reqs{engine_type="unified",model_name="meta-llama/Llama-3.1-8B-Instruct",pp_rank="0",tp_rank="1"} 3.0
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{engine_type="unified",model_name="meta-llama/Llama-3.1-8B-Instruct",pp_rank="0",tp_rank="0"} 2.0 1764100000000
sglang:num_queue_reqs{engine_type="unified",model_name="meta-llama/Llama-3.1-8B-Instruct",pp_rank="0",tp_rank="1"} 2.0 1764100000000
# TYPE sglang:token_usage gauge
sglang:token_usage{engine_type="unified",model_name="meta-llama/Llama-3.1-8B-Instruct",pp_rank="0",tp_rank="0"} 0.28
# TYPE sglang:cache_config_info gauge
sglang:cache_config_info{num_pages="108210",page_size="1"} 1.0
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name="meta-llama/Llama-3.1-8B-Instruct"} 128034.0
# TYPE sglang:cached_tokens_total counter
sglang:cached_tokens_total{cache_source="device",model_name="meta-llama/Llama-3.1-8B-Instruct"} 40000.0
sglang:cached_tokens_total{cache_source="host",model_name="meta-llama/Llama-3.1-8B-Instruct"} 960.0
`;

const TRITON_TRTLLM = `nv_inference_pending_request_count{model="ensemble",version="1"} 77
nv_inference_exec_count{model="ensemble",version="1"} 120034
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 1
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="context",version="1"} 50
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="scheduled",version="1"} 9
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="max",version="1"} 512
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="tensorrt_llm",version="1"} 0.4875
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="tensorrt_llm",version="1"} 64
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="tensorrt_llm",version="1"} 3042
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm",version="1"} 6239
`;

describe('pages of engines', () => {
  it('reads vLLM, the newest set of adapters among them', () => {
    expect(readEngineMetrics(VLLM)).toEqual({
      engine: 'vllm',
      running: 17,
      waiting: 4,
      kvUsage: 0.6273,
      unreported: [],
      blockSize: 16,
      numBlocks: 19_208,
      maxLora: 4,
      runningLoras: ['sql'],
      waitingLoras: [],
      prefixQueries: 1_803_214,
      prefixHits: 1_201_190,
    });
  });

  it('reads SGLang, counting the ranks of tensor parallelism once and the sources of the cache together', () => {
    expect(readEngineMetrics(SGLANG)).toEqual({
      engine: 'sglang',
      running: 3,
      waiting: 2,
      kvUsage: 0.28,
      unreported: [],
      blockSize: 1,
      numBlocks: 108_210,
      runningLoras: [],
      waitingLoras: [],
      prefixQueries: 128_034,
      prefixHits: 40_960,
    });
  });

  it('reads trtllm-serve', () => {
    const page = [
      'trtllm_num_requests_running{model_name="m"} 5',
      'trtllm_num_requests_waiting{model_name="m"} 0',
      'trtllm_kv_cache_utilization{model_name="m",engine_type="trtllm"} 0.62',
      'trtllm_kv_cache_tokens_per_block 32',
      'trtllm_kv_cache_max_blocks 9001',
    ].join('\n');
    const expected = { engine: 'trtllm-serve', running: 5, waiting: 0, kvUsage: 0.62, blockSize: 32, numBlocks: 9001 };
    expect(readEngineMetrics(page)).toMatchObject(expected);
  });

  it('reads TensorRT-LLM behind Triton, and leaves Triton’s own queue', () => {
    const expected = { engine: 'triton-tensorrt-llm', running: 9, waiting: 1, kvUsage: 0.4875, blockSize: 64, numBlocks: 6239 };
    expect(readEngineMetrics(TRITON_TRTLLM)).toMatchObject(expected);
  });

  it('takes no counter of Triton for its running requests, and says so', () => {
    expect(readEngineMetrics(TRITON_TRTLLM, 'triton')).toMatchObject({ waiting: 77, running: 0, unreported: ['running', 'kvUsage'] });
  });

  it('follows the label, unless the page has nothing of that engine', () => {
    const both = `${VLLM}${SGLANG}`;
    expect(readEngineMetrics(both, 'sglang')?.engine).toBe('sglang');
    expect(readEngineMetrics(both)?.engine).toBe('vllm');
    expect(readEngineMetrics(SGLANG, 'vllm')?.engine).toBe('sglang');
    expect(readEngineMetrics(SGLANG, 'no-engine')?.engine).toBe('sglang');
  });

  it('knows no engine in other pages', () => {
    expect(readEngineMetrics('')).toBeUndefined();
    expect(readEngineMetrics('# HELP vllm:num_requests_running x\nprocess_cpu_seconds_total 3\n')).toBeUndefined();
    // The server is up, the engine is not.
    expect(readEngineMetrics('vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1.0\n')).toBeUndefined();
  });
});

const adapters = (name: string, at: number) => `vllm:lora_requests_info{max_lora="2",running_lora_adapters="${name}"} ${at}`;

const page = (...lines: string[]) => readEngineMetrics(['vllm:num_requests_running 1', ...lines].join('\n'))!;

describe('vLLM', () => {
  it('has no number of blocks before it has measured its memory', () => {
    const metrics = page('vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1.0');
    expect(metrics.blockSize).toBe(16);
    expect(metrics).not.toHaveProperty('numBlocks');
    expect(page('vllm:cache_config_info{block_size="16",num_gpu_blocks="0"} 1.0')).not.toHaveProperty('numBlocks');
  });

  it('reads both names of the cache use, the new one first', () => {
    expect(page('vllm:gpu_cache_usage_perc 0.4').kvUsage).toBe(0.4);
    expect(page('vllm:gpu_cache_usage_perc 0.4', 'vllm:kv_cache_usage_perc 0.5').kvUsage).toBe(0.5);
    expect(page('vllm:kv_cache_usage_perc 0.5', 'vllm:gpu_cache_usage_perc 0.4').kvUsage).toBe(0.5);
  });

  it('adds up the ranks of data parallelism, and takes the mean of their caches', () => {
    const metrics = readEngineMetrics(
      [0, 1]
        .flatMap((engine) => [
          `vllm:num_requests_running{engine="${engine}"} ${engine + 1}`,
          `vllm:kv_cache_usage_perc{engine="${engine}"} ${engine}`,
          `vllm:cache_config_info{engine="${engine}",block_size="16",num_gpu_blocks="100"} 1`,
        ])
        .join('\n'),
    );
    expect(metrics).toMatchObject({ running: 3, kvUsage: 0.5, blockSize: 16, numBlocks: 200 });
  });

  it('knows no total while one rank has not measured', () => {
    const metrics = page(
      'vllm:cache_config_info{engine="0",block_size="16",num_gpu_blocks="100"} 1',
      'vllm:cache_config_info{engine="1",block_size="16",num_gpu_blocks="None"} 1',
    );
    expect(metrics).not.toHaveProperty('numBlocks');
  });

  it('takes NaN and infinity for no number', () => {
    const metrics = readEngineMetrics('vllm:num_requests_running NaN\nvllm:num_requests_waiting 2\nvllm:kv_cache_usage_perc +Inf\n');
    expect(metrics).toMatchObject({ running: 0, waiting: 2, kvUsage: 0, unreported: ['running', 'kvUsage'] });
  });

  it('keeps the cache use within 0 and 1', () => {
    expect(page('vllm:kv_cache_usage_perc 1.0000001').kvUsage).toBe(1);
  });

  it('prefers the set of adapters with the largest value wherever it stands', () => {
    expect(page(adapters('old', 1.7e9), adapters('new', 1.8e9)).runningLoras).toEqual(['new']);
    expect(page(adapters('new', 1.8e9), adapters('old', 1.7e9)).runningLoras).toEqual(['new']);
  });
});
