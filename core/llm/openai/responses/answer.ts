import type { JsonObjectScan } from '../../../json/scan.ts';
import type { Asked, Encoded } from '../../codec.ts';
import type { Answer, Block, FinishReason } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import type { Json } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { errorMessage, malformed } from '../../malformed.ts';
import { openaiUsage, type Usage } from '../../usage.ts';
import { blocksOfItem, itemsOf, type Item } from './items.ts';
import { callItem, endOf, hasRefused, itemId, messageItem, partOf, responseOf, thoughtItem, type Head } from './output.ts';

/** What every response has: of itself, or as its request said it. */
const ENVELOPE = [
  [
    'id',
    'model',
    'output',
    'object',
    'created_at',
    'completed_at',
    'background',
    'error',
    'output_text',
    'store',
    'conversation',
    'previous_response_id',
    'prompt',
  ],
  ['instructions', 'max_output_tokens', 'max_tool_calls', 'metadata', 'parallel_tool_calls', 'tool_choice', 'tools', 'text', 'reasoning'],
  ['temperature', 'top_p', 'top_logprobs', 'presence_penalty', 'frequency_penalty', 'truncation', 'user', 'safety_identifier'],
  ['service_tier', 'prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options'],
].flat();

/**
 * Reads a response.
 * @see https://platform.openai.com/docs/api-reference/responses/object
 * @throws UnacceptableAnswer
 */
export function decodeAnswer(body: JsonObjectScan): Answer {
  const response = Fields.of(body, malformed);
  const losses = new Losses();
  const finishOf = finishIn(response);
  if (response.list('output') === undefined) throw malformed('output', 'is missing');
  const blocks = response.objects('output').flatMap((item) => blocksOfItem(item, losses) ?? []);
  const found: Answer = {
    id: response.text('id') ?? '',
    model: response.text('model') ?? '',
    blocks,
    finish: finishOf(blocks),
    stopSequence: undefined,
    usage: usageIn(response),
    losses: [],
  };
  dropLeftOf(response, losses);
  return { ...found, losses: losses.list() };
}

/**
 * Why it ended, once it is known what it says.
 * @throws UnacceptableAnswer unless it is whole
 */
export function finishIn(response: Fields, unsaid = 'completed'): (blocks: readonly Block[]) => FinishReason {
  const status = response.text('status') ?? unsaid;
  const reason = response.object('incomplete_details')?.text('reason');
  if (status === 'failed') throw malformed('', `is a failure: ${errorMessage(response.raw('error'))}`);
  if (status !== 'completed' && status !== 'incomplete') throw malformed('status', `is "${status}", and an answer has to be whole`);
  return (blocks) => {
    if (status === 'incomplete') return reason === 'content_filter' ? 'content_filter' : 'length';
    if (blocks.some(({ type }) => type === 'refusal')) return 'refusal';
    return blocks.some(({ type }) => type === 'tool_call') ? 'tool_calls' : 'stop';
  };
}

/** What nobody asked for, and is not of every response. */
export function dropLeftOf(response: Fields, losses: Losses): void {
  for (const name of ENVELOPE) response.raw(name);
  losses.dropLeft(response);
}

export function usageIn(response: Fields): Usage | undefined {
  const usage = openaiUsage(response.raw('usage'));
  // Clients rely on the count, so that whoever does not count writes 0.
  return usage === undefined ? undefined : { ...usage, reasoning: usage.reasoning === 0 ? undefined : usage.reasoning };
}

/** Writes a response. A signature of another API stands in `encrypted_content`, which clients give back unread. */
export function encodeAnswer(answer: Answer, { created }: Asked): Encoded {
  const { id, model, blocks } = answer;
  const losses = new Losses();
  const head: Head = { id, model, created };
  const output: Json[] = [];
  for (const item of itemsOf(blocks)) {
    if (item.type === 'none') losses.drop(item.block.at ?? item.block.type);
    else output.push(outputItem(item, head, output.length, losses));
  }
  const body = responseOf(head, output, endOf(answer, hasRefused(blocks), losses));
  return { body, losses: [...answer.losses, ...losses.list()] };
}

function outputItem(item: Exclude<Item, { readonly type: 'none' }>, head: Head, index: number, losses: Losses): Json {
  if (item.type === 'reasoning') return thoughtItem(itemId('rs', head, index), item.thought);
  if (item.type === 'call') return callItem(itemId('fc', head, index), item.call, 'completed');
  return messageItem(
    itemId('msg', head, index),
    item.parts.map((part) => partOf(part, losses)),
    'completed',
  );
}
