import { readFailures } from '../failures.ts';
import { ApiError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { flag, list, text, wrong } from './fields.ts';
import { metricsText } from './metrics-text.ts';
import { sendJson, sendText } from './reply.ts';
import { chatTokens, readTurns } from './template.ts';
import { detokenize, tokenize, tokenText } from './tokenizer.ts';

/** The vLLM version whose interface this server follows. */
export const VLLM_VERSION = '0.19.0';

/** `GET /health`: 200 without a body, or 503. */
export function health({ response, runner }: Exchange): void {
  response.writeHead(runner.pod.healthy(runner.time.now()) ? 200 : 503, { 'content-length': 0 });
  response.end();
}

/** `GET /metrics`. */
export function metrics({ response, runner, served }: Exchange): void {
  const now = runner.time.now();
  runner.pod.advance(now);
  sendText(response, 200, metricsText(runner.pod, served[0]!, now, Date.now() - now), 'text/plain; version=0.0.4; charset=utf-8');
}

/** `GET /v1/models`: the base model under its names, and the adapters. */
export function models({ response, runner, served }: Exchange): void {
  const { maxModelLen, model } = runner.pod.settings;
  const card = (id: string, parent: string | null, root: string): object => ({
    id,
    object: 'model',
    created: Math.floor(Date.now() / 1000),
    owned_by: 'vllm',
    root,
    parent,
    max_model_len: parent === null ? maxModelLen : null,
    permission: [],
  });
  const data = [...served.map((name) => card(name, null, model)), ...[...runner.pod.adapters].map((name) => card(name, served[0]!, name))];
  sendJson(response, 200, { object: 'list', data });
}

/** `POST /tokenize`, of a prompt or of messages. */
export function tokenizeText({ body, response, runner }: Exchange): void {
  const prompt = text(body, 'prompt');
  const tokens =
    body['messages'] === undefined
      ? tokenize(prompt ?? missing('prompt'))
      : chatTokens(readTurns(body['messages']), list(body, 'tools') ?? [], body['add_generation_prompt'] !== false);
  sendJson(response, 200, {
    count: tokens.length,
    max_model_len: runner.pod.settings.maxModelLen,
    tokens,
    token_strs: flag(body, 'return_token_strs') ? tokens.map(tokenText) : null,
  });
}

/** `POST /detokenize`. */
export function detokenizeIds({ body, response }: Exchange): void {
  const tokens = list(body, 'tokens') ?? missing('tokens');
  if (!tokens.every((id) => typeof id === 'number')) throw wrong('tokens', 'a list of token ids', tokens);
  try {
    sendJson(response, 200, { prompt: detokenize(tokens) });
  } catch (error) {
    if (error instanceof RangeError) throw new ApiError(400, error.message, { param: 'tokens' });
    throw error;
  }
}

/** `POST /v1/load_lora_adapter`. The weights come when the first request needs them. */
export function loadLora({ body, response, runner }: Exchange): void {
  const name = text(body, 'lora_name');
  if (name === undefined || name === '' || text(body, 'lora_path') === undefined) {
    throw new ApiError(400, "Both 'lora_name' and 'lora_path' must be provided.", { type: 'InvalidUserInput' });
  }
  if (runner.pod.adapters.has(name) && !flag(body, 'load_inplace')) {
    throw new ApiError(400, `The lora adapter '${name}' has already been loaded.`, { type: 'InvalidUserInput' });
  }
  runner.pod.adapters.add(name);
  sendText(response, 200, `Success: LoRA adapter '${name}' added successfully.`);
}

/** `POST /v1/unload_lora_adapter`. */
export function unloadLora({ body, response, runner }: Exchange): void {
  const name = text(body, 'lora_name') ?? '';
  if (name === '') throw new ApiError(400, "'lora_name' needs to be provided to unload a LoRA adapter.", { type: 'InvalidUserInput' });
  if (!runner.pod.adapters.has(name)) throw new ApiError(404, `The lora adapter '${name}' cannot be found.`);
  if (!runner.pod.unloadLora(name)) throw new ApiError(400, `The lora adapter '${name}' is in use.`, { type: 'InvalidUserInput' });
  sendText(response, 200, `Success: LoRA adapter '${name}' removed successfully.`);
}

/** `POST /sleep?level=1`. */
export function sleep({ query, response, runner }: Exchange): void {
  const level = query.get('level') ?? '1';
  if (level !== '1' && level !== '2') throw new ApiError(400, `level must be 1 or 2, not ${level}`, { param: 'level' });
  runner.pod.sleep(runner.time.now(), level === '1' ? 1 : 2);
  runner.time.poke();
  sendText(response, 200, '');
}

/** `POST /wake_up`. */
export function wakeUp({ response, runner }: Exchange): void {
  runner.pod.wake(runner.time.now());
  runner.time.poke();
  sendText(response, 200, '');
}

export function isSleeping({ response, runner }: Exchange): void {
  sendJson(response, 200, { is_sleeping: runner.pod.sleepLevel > 0 });
}

export function version({ response }: Exchange): void {
  sendJson(response, 200, { version: VLLM_VERSION });
}

/** `GET /admin/config`: what this pod is, and what is set to go wrong. */
export function showConfig({ response, runner }: Exchange): void {
  const { pod, time } = runner;
  const { name, model, profile, settings, ranks, failures } = pod;
  sendJson(response, 200, {
    name,
    model,
    profile: profile.name,
    source: profile.source,
    times: profile.times,
    settings,
    dataParallelSize: ranks,
    adapters: [...pod.adapters],
    failures: failures.rules,
    state: pod.snapshot(time.now()),
  });
}

/** `PUT /admin/config` with `{"failures": […]}`: replaces the failure rules; an empty list heals the pod. */
export function setConfig(exchange: Exchange): void {
  const { body, runner } = exchange;
  for (const key of Object.keys(body)) {
    if (key !== 'failures') throw new ApiError(400, `${key} cannot be set while the pod runs: only failures can`, { param: key });
  }
  try {
    runner.pod.failures.set(readFailures(body['failures']), runner.time.now());
  } catch (error) {
    if (error instanceof TypeError) throw new ApiError(400, error.message, { param: 'failures' });
    throw error;
  }
  runner.time.poke();
  showConfig(exchange);
}

/** `POST /reset_prefix_cache` is vLLM's in development mode. */
export function resetPrefixCache({ response, runner }: Exchange): void {
  runner.pod.resetPrefixCache();
  sendText(response, 200, '');
}

function missing(key: string): never {
  throw new ApiError(400, `${key}: Field required`, { param: key });
}
