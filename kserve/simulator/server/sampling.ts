import { hashText } from '../engine/random.ts';
import { ApiError } from './errors.ts';
import { type Fields, flag, isFields, list, object, text, texts, whole } from './fields.ts';
import type { Generation, Reply } from './generation.ts';

const MAX_N = 128;
const MAX_STOPS = 64;

/** Reads what the chat and the completions API have in common. @throws ApiError 400 */
export function readSampling(
  body: Fields,
  prompt: readonly number[],
  reply: Reply,
  maxTokens: number | undefined,
  logprobs: number | undefined,
): Generation {
  const model = text(body, 'model');
  const stop = texts(body, 'stop');
  if (stop.length > MAX_STOPS) throw new ApiError(400, `stop has more than ${MAX_STOPS} entries`, { param: 'stop' });
  bounded(body, 'temperature', 0, 2);
  bounded(body, 'top_p', 0, 1);
  const minTokens = whole(body, 'min_tokens', 0) ?? 0;
  if (maxTokens !== undefined && minTokens > maxTokens) {
    throw new ApiError(400, `min_tokens must be less than or equal to max_tokens=${maxTokens}, got ${minTokens}.`, { param: 'min_tokens' });
  }
  const transfer = object(body, 'kv_transfer_params');
  const blocks = transfer?.['remote_block_ids'];
  return {
    model: model ?? '',
    prompt,
    reply,
    n: whole(body, 'n', 1, MAX_N) ?? 1,
    maxTokens,
    minTokens,
    ignoreEos: flag(body, 'ignore_eos'),
    stop,
    includeStop: flag(body, 'include_stop_str_in_output'),
    seed: whole(body, 'seed', Number.MIN_SAFE_INTEGER) ?? 0,
    salt: text(body, 'cache_salt'),
    priority: whole(body, 'priority', Number.MIN_SAFE_INTEGER),
    logprobs,
    remotePrefill: transfer?.['do_remote_prefill'] === true && Array.isArray(blocks) && blocks.length > 0,
    remoteDecode: transfer?.['do_remote_decode'] === true,
  };
}

function bounded(body: Fields, key: string, least: number, most: number): void {
  const value = body[key];
  if (value === undefined || value === null) return;
  if (typeof value === 'number' && value >= least && value <= most) return;
  throw new ApiError(400, `${key} must be in [${least}, ${most}], got ${JSON.stringify(value)}.`, { param: key });
}

/** A tool of any API. */
export interface Tool {
  readonly name: string;
  readonly parameters: unknown;
}

/** Reads `tools` of OpenAI's APIs, where a function's fields may be nested (chat) or not (responses), and Anthropic's. */
export function readTools(body: Fields): Tool[] {
  return (list(body, 'tools') ?? []).flatMap((tool, index) => {
    if (!isFields(tool)) throw new ApiError(400, `tools[${index}] must be an object`, { param: 'tools' });
    const own = isFields(tool['function']) ? tool['function'] : tool;
    if (typeof own['name'] !== 'string') {
      // A built-in tool of the API has no name of its own.
      if (typeof tool['type'] === 'string' && tool['type'] !== 'function') return [];
      throw new ApiError(400, `tools[${index}] has no name`, { param: 'tools' });
    }
    return [{ name: own['name'], parameters: own['parameters'] ?? own['input_schema'] }];
  });
}

/**
 * Decides what is answered: a call where one is forced, or where the last thing the user said names a tool; JSON where that is asked for;
 * else text.
 */
export function chooseReply(body: Fields, tools: readonly Tool[], lastUserText: string): Reply {
  const choice = body['tool_choice'];
  if (tools.length === 0 && choice !== undefined && choice !== null && choice !== 'none' && choice !== 'auto') {
    throw new ApiError(400, 'When using `tool_choice`, `tools` must be set.', { param: 'tool_choice' });
  }
  const named = namedTool(choice);
  if (named !== undefined) {
    const tool = tools.find(({ name }) => name === named);
    if (tool === undefined)
      throw new ApiError(400, `The tool specified in \`tool_choice\` does not match any of the specified \`tools\``, {
        param: 'tool_choice',
      });
    return { kind: 'tool', ...tool, named: true };
  }
  const forced = choice === 'required' || (isFields(choice) && choice['type'] === 'any');
  const off = choice === 'none' || (isFields(choice) && choice['type'] === 'none');
  const said = plain(lastUserText);
  const mentioned = off ? undefined : tools.find(({ name }) => said.includes(plain(name)));
  const tool = mentioned ?? (forced ? tools[hashText(lastUserText) % tools.length] : undefined);
  if (tool !== undefined) return { kind: 'tool', ...tool, named: false };
  return jsonReply(body);
}

function namedTool(choice: unknown): string | undefined {
  if (!isFields(choice)) return undefined;
  const own = isFields(choice['function']) ? choice['function'] : choice;
  return typeof own['name'] === 'string' ? own['name'] : undefined;
}

function jsonReply(body: Fields): Reply {
  const textFormat = isFields(body['text']) ? body['text']['format'] : undefined;
  const format = object(body, 'response_format') ?? textFormat;
  if (!isFields(format)) return { kind: 'text' };
  if (format['type'] === 'json_object') return { kind: 'json', schema: { type: 'object', properties: { answer: { type: 'string' } } } };
  if (format['type'] !== 'json_schema') return { kind: 'text' };
  const nested = format['json_schema'];
  return { kind: 'json', schema: isFields(nested) ? nested['schema'] : format['schema'] };
}

function plain(words: string): string {
  return words.toLowerCase().replaceAll(/[_-]/g, ' ');
}
