import type { JsonObjectScan } from '../../../json/scan.ts';
import type { Encoded } from '../../codec.ts';
import type { Answer, Block, BlockOf, FinishReason } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import { anthropicUsage, type Usage } from '../../usage.ts';
import { blocksIn } from './blocks.ts';
import { citationJson } from './citations.ts';
import { blocksOf } from './encode-request.ts';
import { signatureThought } from './signatures.ts';

export const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  pause_turn: 'pause',
  refusal: 'refusal',
};

/**
 * Reads a message.
 * @see https://docs.anthropic.com/en/api/messages
 * @throws UnacceptableAnswer
 */
export function decodeAnswer(body: JsonObjectScan): Answer {
  const answer = Fields.of(body, malformed);
  const losses = new Losses();
  for (const name of ['type', 'role']) answer.raw(name);
  if (answer.list('content') === undefined) throw malformed('content', 'is missing');
  const reason = answer.text('stop_reason') ?? 'end_turn';
  const found: Answer = {
    id: answer.text('id') ?? '',
    model: answer.text('model') ?? '',
    blocks: blocksIn(answer, 'content', losses),
    finish: FINISH[reason] ?? 'stop',
    stopSequence: answer.text('stop_sequence'),
    usage: anthropicUsage(answer.raw('usage')),
    losses: [],
  };
  losses.dropLeft(answer);
  return { ...found, losses: losses.list() };
}

export const REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
};

/**
 * Writes a message. Thoughts without a signature are there to be read, as `thinking` without one: they cannot be given back. Signatures of
 * Gemini, which are of calls and texts, go along as empty thoughts that can.
 */
export function encodeAnswer(answer: Answer): Encoded {
  const { id, model, blocks, finish, stopSequence, usage } = answer;
  const losses = new Losses();
  const content = blocks.flatMap((block) => contentOf(block, losses));
  const body = {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: stopSequence === undefined ? REASONS[finish] : 'stop_sequence',
    stop_sequence: stopSequence ?? null,
    usage: usageOf(usage),
  };
  return { body, losses: [...answer.losses, ...losses.list()] };
}

function contentOf(block: Block, losses: Losses): Json[] {
  if (block.type === 'text' && block.citations !== undefined) return citedOf(block, losses);
  if (block.type === 'reasoning' && block.sealed === undefined && block.signature === undefined)
    return [{ type: 'thinking', thinking: block.text, signature: '' }];
  if ((block.type !== 'tool_call' && block.type !== 'text') || block.signature === undefined)
    return blocksOf([block], { isOwn: false, losses });
  const { signature, ...unsigned } = block;
  const thought = signatureThought(block.type, signature);
  const said = block.type === 'text' && block.text === '' ? [] : blocksOf([unsigned], { isOwn: false, losses });
  return block.type === 'text' ? [...said, thought] : [thought, ...said];
}

function citedOf({ citations = [], ...plain }: BlockOf<'text'>, losses: Losses): Json[] {
  const { at = 'content' } = plain;
  const said = citations.flatMap((each) => citationJson(each, at, losses) ?? []);
  return contentOf(plain, losses).map((json) => (json['type'] === 'text' && said.length > 0 ? { ...json, citations: said } : json));
}

/** `usage` of the API, whose input_tokens leave out what the cache gave or took. Clients rely on its being there. */
export function usageOf(usage: Usage | undefined): object {
  const { input = 0, output = 0, cachedInput, cacheCreation } = usage ?? {};
  return {
    input_tokens: Math.max(0, input - (cachedInput ?? 0) - (cacheCreation ?? 0)),
    output_tokens: output,
    ...given({ cache_read_input_tokens: cachedInput, cache_creation_input_tokens: cacheCreation }),
  };
}
