import type { JsonObjectScan } from '../../../json/scan.ts';
import { charactersIn, withCitations } from '../../citations.ts';
import type { Asked, Encoded } from '../../codec.ts';
import type { Answer, Block, FinishReason } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { given } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import { openaiUsage, type Usage } from '../../usage.ts';
import { signatureIn, signed } from '../thought-signature.ts';
import { annotationsIn, annotationsOf, callOf, contentIn, thoughtsIn, toolCallIn, withSignature } from './message.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};
/** What every answer has, and says nothing of the conversation. */
const ENVELOPE = ['object', 'created', 'system_fingerprint', 'service_tier'] as const;

/**
 * Reads a chat completion: its first choice.
 * @see https://platform.openai.com/docs/api-reference/chat/object
 * @throws UnacceptableAnswer
 */
export function decodeAnswer(body: JsonObjectScan): Answer {
  const answer = Fields.of(body, malformed);
  const losses = new Losses();
  for (const name of ENVELOPE) answer.raw(name);
  const [choice, ...others] = answer.objects('choices');
  if (choice === undefined) throw malformed('choices', 'has none');
  for (const { path } of others) losses.drop(path);
  choice.raw('index');
  const message = choice.object('message');
  if (message === undefined) throw malformed(choice.at('message'), 'is missing');
  const blocks = blocksOf(message, losses);
  losses.dropLeft(message);
  const found: Answer = {
    id: answer.text('id') ?? '',
    model: answer.text('model') ?? '',
    blocks,
    finish: finishOf(choice.text('finish_reason'), blocks),
    stopSequence: undefined,
    usage: openaiUsage(answer.raw('usage')),
    losses: [],
  };
  losses.dropLeft(choice);
  losses.dropLeft(answer);
  return { ...found, losses: losses.list() };
}

function blocksOf(message: Fields, losses: Losses): Block[] {
  message.raw('role');
  const refusal = message.text('refusal');
  return [
    ...thoughtsIn(message),
    ...withSignature(withCitations(contentIn(message, losses), annotationsIn(message, losses), losses), signatureIn(message, losses)),
    ...(refusal === undefined ? [] : [{ type: 'refusal', text: refusal } as const]),
    ...message.objects('tool_calls').map((call) => toolCallIn(call, losses)),
  ];
}

/** Some servers say `stop` of an answer that ends with a call. */
export function finishOf(reason: string | undefined, blocks: readonly Block[]): FinishReason {
  const finish = FINISH[reason ?? 'stop'] ?? 'stop';
  if (blocks.some(({ type }) => type === 'refusal')) return 'refusal';
  return finish === 'stop' && blocks.some(({ type }) => type === 'tool_call') ? 'tool_calls' : finish;
}

export const REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  content_filter: 'content_filter',
  refusal: 'stop',
  // The API has no pause: whoever wants more asks for it.
  pause: 'stop',
};

/**
 * Writes a chat completion. Thoughts go along as `reasoning_content`, and as `thinking_blocks` where they have a signature: so clients of
 * gateways give them back. The signatures of Gemini go along as Google's own endpoint has them (`extra_content`).
 */
export function encodeAnswer(answer: Answer, { created }: Asked): Encoded {
  const { id, model, blocks, finish, stopSequence, usage } = answer;
  const losses = new Losses();
  if (finish === 'pause') losses.approximate('stop_reason');
  if (stopSequence !== undefined) losses.drop('stop_sequence');
  const body = {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [{ index: 0, message: messageOf(blocks, losses), logprobs: null, finish_reason: REASONS[finish] }],
    ...(usage === undefined ? {} : { usage: usageOf(usage) }),
  };
  return { body, losses: [...answer.losses, ...losses.list()] };
}

function messageOf(blocks: readonly Block[], losses: Losses): Readonly<Record<string, unknown>> {
  const text: string[] = [];
  const refusals: string[] = [];
  const thoughts: string[] = [];
  const sealed: object[] = [];
  const calls: object[] = [];
  const annotations: object[] = [];
  let signature: string | undefined;
  for (const block of blocks) {
    if (block.type === 'text') {
      if (block.citations !== undefined) {
        const place = { base: charactersIn(text.join('')), length: charactersIn(block.text), at: block.at ?? 'content' };
        annotations.push(...annotationsOf(block.citations, place, losses));
      }
      text.push(block.text);
      if (signature !== undefined && block.signature !== undefined) losses.drop(`${block.at ?? 'content'}.thought_signature`);
      signature = block.signature ?? signature;
    } else if (block.type === 'refusal') refusals.push(block.text);
    else if (block.type === 'tool_call') calls.push({ ...callOf(block), ...signed(block.signature) });
    else if (block.type === 'reasoning') {
      if (block.text !== '') thoughts.push(block.text);
      if (block.sealed !== undefined) sealed.push({ type: 'redacted_thinking', data: block.sealed });
      else if (block.signature !== undefined) sealed.push({ type: 'thinking', thinking: block.text, signature: block.signature });
    } else losses.drop(block.at ?? block.type);
  }
  return {
    role: 'assistant',
    content: text.join('') || null,
    refusal: refusals.length === 0 ? null : refusals.join(''),
    ...(annotations.length === 0 ? {} : { annotations }),
    ...(thoughts.length === 0 ? {} : { reasoning_content: thoughts.join('') }),
    ...(sealed.length === 0 ? {} : { thinking_blocks: sealed }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    ...signed(signature),
  };
}

/** `usage` of the API. */
export function usageOf({ input = 0, output = 0, total, cachedInput, cacheCreation, reasoning }: Usage): object {
  const prompt = given({ cached_tokens: cachedInput, cache_write_tokens: cacheCreation });
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: total ?? input + output,
    ...(Object.keys(prompt).length === 0 ? {} : { prompt_tokens_details: prompt }),
    ...(reasoning === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoning } }),
  };
}
