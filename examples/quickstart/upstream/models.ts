/** The models that the example upstream claims to serve, and the lists of them. */
import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { ApiError, type Answer, type Dialect, type Incoming, json, readString, type JsonObject } from './http.ts';

type Task = 'chat' | 'embed' | 'image' | 'speech' | 'transcribe' | 'messages' | 'rerank';

const models: ReadonlyMap<string, { readonly dialect: Dialect; readonly task: Task }> = new Map([
  ['example-chat', { dialect: 'openai', task: 'chat' }],
  ['example-embed', { dialect: 'openai', task: 'embed' }],
  ['example-image', { dialect: 'openai', task: 'image' }],
  ['example-tts', { dialect: 'openai', task: 'speech' }],
  ['example-whisper', { dialect: 'openai', task: 'transcribe' }],
  ['claude-example', { dialect: 'anthropic', task: 'messages' }],
  ['example-rerank', { dialect: 'cohere', task: 'rerank' }],
]);

/** Tokens; no request is refused for its length, it is only what lists and `/tokenize` report. */
export const CONTEXT_TOKENS = 32_768;

/** 2026-11-01T00:00:00Z, in seconds. */
const CREATED = 1_793_491_200;

/** The body's `model`; 400 when absent, 404 when it is unknown or does another task. */
export function readModel(body: JsonObject, task: Task): string {
  return checkModel(readString(body, 'model'), task);
}

/** @see readModel */
export function checkModel(name: string, task: Task): string {
  const model = models.get(name);
  if (model?.task === task) return name;
  const able = [...models].filter(([, entry]) => entry.task === task).map(([id]) => `\`${id}\``);
  const problem = model === undefined ? 'does not exist' : 'does not do this task';
  throw new ApiError(404, `The model \`${name}\` ${problem}; the bundled example upstream has ${able.join(', ')} for it.`, {
    param: 'model',
    code: 'model_not_found',
  });
}

/** `GET /v1/models`: Anthropic's list for callers that send `anthropic-version`, OpenAI's for all others. */
export function listModels(request: Incoming): Answer {
  return json(request.headers['anthropic-version'] === undefined ? openaiList() : anthropicList());
}

function openaiList(): object {
  const data: OpenAI.Models.Model[] = namesOf('openai').map((id) => ({
    id,
    object: 'model',
    created: CREATED,
    owned_by: 'example-upstream',
  }));
  return { object: 'list', data };
}

function anthropicList(): object {
  const data: Anthropic.Models.ModelInfo[] = namesOf('anthropic').map((id) => ({
    type: 'model',
    id,
    display_name: `${id} (bundled example upstream)`,
    created_at: new Date(CREATED * 1000).toISOString(),
    max_input_tokens: CONTEXT_TOKENS,
    max_tokens: CONTEXT_TOKENS,
    capabilities: null,
    lifecycle: 'active',
    line: null,
    deprecated_at: null,
    retires_at: null,
  }));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}

function namesOf(dialect: Dialect): string[] {
  return [...models].filter(([, model]) => model.dialect === dialect).map(([id]) => id);
}
