// For tests: what each provider of chat completions has of its own, with the page that says so.
import type { Compatible } from './compatible.fixture.ts';
import { data } from './fake.fixture.ts';

/** The key of every test: nothing else may reach a provider. */
export const KEY = 'key-of-the-gateway';

const BEARER = { authorization: `Bearer ${KEY}` };
const paths = (prefix: string, ...below: readonly string[]) =>
  Object.fromEntries(['chat/completions', ...below].map((each) => [each === 'chat/completions' ? 'chat' : each, `${prefix}/${each}`]));
const usage = (more: object = {}) => ({ prompt_tokens: 5, completion_tokens: 7, total_tokens: 12, ...more });
const filtered = { hate: { filtered: false, severity: 'safe' }, violence: { filtered: false, severity: 'safe' } };

/** @see https://platform.openai.com/docs/api-reference/chat/object */
export const OPENAI: Compatible = {
  host: 'api.openai.com',
  paths: paths('/v1', 'embeddings', 'responses'),
  headers: BEARER,
  limit: 'max_completion_tokens',
  refuses: ['max_output_tokens', 'top_k', 'thinking'],
  usage: usage({
    prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 3, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  }),
  usageIn: 'own',
  message: { refusal: null, annotations: [] },
  top: { service_tier: 'default', system_fingerprint: 'fp_1' },
  chunk: { service_tier: 'default', system_fingerprint: 'fp_1', obfuscation: 'a9B' },
  choice: { logprobs: null },
};

const deployment = (name: string, below: string) => `/openai/deployments/${name}/${below}?api-version=2024-10-21`;
/** @see https://learn.microsoft.com/azure/ai-services/openai/reference @see https://learn.microsoft.com/azure/ai-services/openai/concepts/content-streaming */
export const AZURE: Compatible = {
  ...OPENAI,
  host: 'your-resource.openai.azure.com',
  paths: {
    chat: deployment('gpt-6-luna', 'chat/completions'),
    embeddings: deployment('text-embedding-3-small', 'embeddings'),
  },
  headers: { 'api-key': KEY },
  top: { prompt_filter_results: [{ prompt_index: 0, content_filter_results: filtered }], system_fingerprint: 'fp_1' },
  // Before the first chunk there is one about the prompt, without choices and without a model.
  before: {
    whole: '',
    stream: data({
      choices: [],
      created: 0,
      id: '',
      model: '',
      object: '',
      prompt_filter_results: [{ prompt_index: 0, content_filter_results: filtered }],
    }),
  },
  choice: { logprobs: null, content_filter_results: filtered },
};

/** @see https://learn.microsoft.com/azure/ai-services/openai/how-to/managed-identity */
export const AZURE_ENTRA: Compatible = { ...AZURE, headers: { authorization: 'Bearer token-of-entra' } };

const GROQ_USAGE = usage({
  queue_time: 0.037,
  prompt_time: 0.0006,
  completion_time: 0.4631,
  total_time: 0.4638,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 3 },
});
/** @see https://console.groq.com/docs/openai @see https://console.groq.com/docs/api-reference#chat-create */
export const GROQ: Compatible = {
  host: 'api.groq.com',
  paths: paths('/openai/v1', 'responses'),
  headers: BEARER,
  limit: 'max_completion_tokens',
  refuses: ['logprobs', 'top_logprobs', 'logit_bias', 'thinking', 'top_k'],
  refused: (field) => ({ status: 400, body: { error: { message: `property '${field}' is unsupported`, type: 'invalid_request_error' } } }),
  usage: GROQ_USAGE,
  usageIn: 'own',
  message: { reasoning: 'hm' },
  deltas: [{ reasoning: 'hm', channel: 'analysis' }],
  top: { x_groq: { id: 'req_1' }, service_tier: 'on_demand', system_fingerprint: 'fp_1', usage_breakdown: null },
  chunk: { system_fingerprint: 'fp_1' },
  last: { x_groq: { id: 'req_1', usage: GROQ_USAGE } },
  choice: { logprobs: null },
};

/** @see https://docs.mistral.ai/api/endpoint/chat */
export const MISTRAL: Compatible = {
  host: 'api.mistral.ai',
  paths: paths('/v1', 'embeddings'),
  headers: BEARER,
  limit: 'max_tokens',
  refuses: ['stream_options', 'max_completion_tokens', 'seed', 'logprobs', 'store', 'user', 'service_tier', 'top_k', 'thinking'],
  refused: (field) => {
    const detail = [{ type: 'extra_forbidden', loc: ['body', field], msg: 'Extra inputs are not permitted', input: true }];
    return { status: 422, body: { object: 'error', message: { detail }, type: 'invalid_request_error', param: null, code: null } };
  },
  usage: usage({ prompt_tokens_details: { cached_tokens: 4 }, prompt_audio_seconds: null }),
  usageIn: 'last',
  // With reasoning the content is a list at first, and a text when the thought is closed.
  message: {
    content: [
      { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }], closed: true },
      { type: 'text', text: 'hello' },
    ],
    tool_calls: null,
    prefix: false,
  },
  deltas: [
    { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'h' }] }] },
    {
      content: [
        { type: 'thinking', thinking: [{ type: 'text', text: 'm' }], closed: true },
        { type: 'text', text: '' },
      ],
    },
  ],
  chunk: { p: 'abcdefgh' },
};

/** @see https://api-docs.deepseek.com/api/create-chat-completion @see https://api-docs.deepseek.com/quick_start/rate_limit */
export const DEEPSEEK: Compatible = {
  host: 'api.deepseek.com',
  paths: paths('/v1'),
  headers: BEARER,
  limit: 'max_tokens',
  usage: usage({ prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 1, completion_tokens_details: { reasoning_tokens: 3 } }),
  usageIn: 'own',
  message: { reasoning_content: 'hm' },
  deltas: [
    { content: null, reasoning_content: 'h' },
    { content: null, reasoning_content: 'm' },
  ],
  top: { system_fingerprint: 'fp_1' },
  chunk: { system_fingerprint: 'fp_1' },
  choice: { logprobs: null },
  before: { whole: '\n\n\n', stream: ': keep-alive\n\n: keep-alive\n\n' },
};

/** @see https://docs.x.ai/docs/api-reference#chat-completions @see https://docs.x.ai/docs/guides/reasoning */
export const GROK: Compatible = {
  host: 'api.x.ai',
  paths: paths('/v1', 'responses'),
  headers: BEARER,
  limit: 'max_completion_tokens',
  refuses: ['stop', 'presence_penalty', 'frequency_penalty', 'thinking'],
  refused: (field) => ({
    status: 400,
    body: { code: 'Client specified an invalid argument', error: `Argument not supported on this model: ${field}` },
  }),
  // What was thought is beside completion_tokens.
  usage: {
    prompt_tokens: 5,
    completion_tokens: 4,
    total_tokens: 12,
    prompt_tokens_details: { text_tokens: 5, audio_tokens: 0, image_tokens: 0, cached_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 3, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
    num_sources_used: 0,
    cost_in_usd_ticks: 1234,
  },
  usageIn: 'own',
  message: { reasoning_content: 'hm', refusal: null },
  deltas: [{ reasoning_content: 'hm' }],
  top: { system_fingerprint: 'fp_1', citations: null },
  chunk: { system_fingerprint: 'fp_1', service_tier: 'default' },
  choice: { finish_reason: undefined },
};

/** @see https://docs.together.ai/reference/chat-completions-1 */
export const TOGETHER: Compatible = {
  host: 'api.together.xyz',
  paths: paths('/v1'),
  headers: BEARER,
  limit: 'max_tokens',
  usage: usage({ cached_tokens: 4 }),
  usageIn: 'last',
  message: { tool_calls: [], reasoning: 'hm' },
  deltas: [{ token_id: 1, content: '', reasoning: 'hm', tool_calls: null }],
  top: { prompt: [], metadata: { weight_version: 'default' } },
  choice: { seed: null, logprobs: null, text: '' },
};

/** @see https://docs.sambanova.ai/docs/en/features/openai-compatibility */
export const SAMBANOVA: Compatible = {
  host: 'api.sambanova.ai',
  paths: paths('/v1', 'responses'),
  headers: BEARER,
  limit: 'max_completion_tokens',
  usage: usage({
    acceptance_rate: 4.5,
    completion_tokens_after_first_per_sec: 250.1,
    end_time: 1795589347.5,
    is_last_response: true,
    start_time: 1795589347.1,
    stop_reason: 'stop',
    time_to_first_token: 0.2,
    total_latency: 0.4,
    prompt_tokens_details: { cached_tokens: 4 },
  }),
  usageIn: 'own',
  top: { system_fingerprint: 'fastcoe' },
  chunk: { system_fingerprint: 'fastcoe' },
  choice: { logprobs: null },
};

/** @see https://deepinfra.com/docs/advanced/openai_api */
export const DEEPINFRA: Compatible = {
  host: 'api.deepinfra.com',
  paths: paths('/v1/openai', 'embeddings'),
  headers: BEARER,
  limit: 'max_tokens',
  usage: usage({ estimated_cost: 0.0000066, prompt_tokens_details: { cached_tokens: 4 } }),
  usageIn: 'own',
  message: { reasoning_content: null, name: null, tool_calls: null },
  choice: { logprobs: null },
};

/** @see https://cloud.tencent.com/document/product/1729/111007 */
export const HUNYUAN: Compatible = {
  host: 'api.hunyuan.cloud.tencent.com',
  paths: paths('/v1', 'embeddings'),
  headers: BEARER,
  limit: 'max_tokens',
  usage: usage(),
  usageIn: 'every',
  message: { reasoning_content: 'hm' },
  deltas: [{ role: 'assistant', content: '', reasoning_content: 'hm' }],
  top: { system_fingerprint: '', note: '以上内容为AI生成' },
  chunk: { system_fingerprint: '', note: '以上内容为AI生成' },
};

/** @see https://ai.google.dev/gemini-api/docs/openai */
export const GOOGLE: Compatible = {
  host: 'generativelanguage.googleapis.com',
  paths: paths('/v1beta/openai', 'embeddings'),
  headers: BEARER,
  limit: 'max_tokens',
  refuses: ['store', 'frequency_penalty', 'logit_bias', 'top_k', 'thinking'],
  // Its errors are a list.
  refused: (field) => ({
    status: 400,
    body: [
      {
        error: {
          code: 400,
          message: `Invalid JSON payload received. Unknown name "${field}": Cannot find field.`,
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
  }),
  // What was thought is in the total alone.
  usage: { prompt_tokens: 5, completion_tokens: 4, total_tokens: 12 },
  usageIn: 'every',
};

/** @see https://docs.cohere.com/docs/compatibility-api */
export const COHERE: Compatible = {
  host: 'api.cohere.com',
  paths: paths('/compatibility/v1', 'embeddings'),
  headers: BEARER,
  limit: 'max_tokens',
  usage: usage(),
  usageIn: 'own',
};

/** @see https://docs.ollama.com/api/openai-compatibility */
export const OLLAMA: Compatible = {
  host: '127.0.0.1',
  paths: paths('/v1', 'embeddings', 'responses'),
  headers: {},
  limit: 'max_tokens',
  usage: usage(),
  usageIn: 'own',
  message: { reasoning: 'hm' },
  deltas: [{ role: 'assistant', content: '', reasoning: 'hm' }],
  top: { system_fingerprint: 'fp_ollama' },
  chunk: { system_fingerprint: 'fp_ollama' },
};

/** @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
export const VLLM: Compatible = {
  host: '127.0.0.1',
  paths: paths('/v1', 'embeddings', 'responses'),
  headers: {},
  limit: 'max_completion_tokens',
  usage: usage({ prompt_tokens_details: { cached_tokens: 4 } }),
  usageIn: 'own',
  message: { refusal: null, annotations: null, audio: null, function_call: null, tool_calls: [], reasoning: 'hm', reasoning_content: 'hm' },
  deltas: [{ reasoning: 'hm', reasoning_content: 'hm' }],
  top: { service_tier: null, system_fingerprint: null, prompt_logprobs: null, prompt_token_ids: null, kv_transfer_params: null },
  choice: { logprobs: null, stop_reason: null, token_ids: null },
};
