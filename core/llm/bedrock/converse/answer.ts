import type { JsonObjectScan } from '../../../json/scan.ts';
import { markedSignature } from '../../anthropic/messages/signatures.ts';
import type { Encoded } from '../../codec.ts';
import type { Answer, Block, BlockOf, FinishReason } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import { bedrockUsage, type Usage } from '../../usage.ts';
import { blocksIn } from './decode-blocks.ts';
import { blocksOf, type BlockWriting } from './encode-blocks.ts';
import { documentNames } from './names.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool_calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  guardrail_intervened: 'content_filter',
  content_filtered: 'content_filter',
};
/** What says nothing of the conversation. */
export const ENVELOPE = ['metrics', 'trace', 'performanceConfig', 'serviceTier'] as const;

/**
 * Reads the answer of Converse. It has no id and no model of its own.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax
 * @throws UnacceptableAnswer
 */
export function decodeAnswer(body: JsonObjectScan): Answer {
  const answer = Fields.of(body, malformed);
  const losses = new Losses();
  for (const name of ENVELOPE) answer.raw(name);
  const output = answer.object('output');
  const message = output?.object('message');
  if (output === undefined || message === undefined) throw malformed('output.message', 'is missing');
  message.raw('role');
  if (message.list('content') === undefined) throw malformed(message.at('content'), 'is missing');
  const blocks = blocksIn(message, 'content', losses);
  const found: Answer = {
    id: '',
    model: '',
    blocks,
    finish: finishOf(answer.text('stopReason'), blocks, losses),
    stopSequence: stopSequenceIn(answer, losses),
    usage: bedrockUsage(answer.raw('usage')),
    losses: [],
  };
  for (const fields of [message, output, answer]) losses.dropLeft(fields);
  return { ...found, losses: losses.list() };
}

/** Some models say `end_turn` of an answer that ends with a call; others have reasons that are none elsewhere, such as malformed_tool_use. */
export function finishOf(reason: string | undefined, blocks: readonly Pick<Block, 'type'>[], losses: Losses): FinishReason {
  const known = Object.hasOwn(FINISH, reason ?? 'end_turn') ? FINISH[reason ?? 'end_turn'] : undefined;
  if (known === undefined) losses.approximate('stopReason');
  const finish = known ?? 'stop';
  return finish === 'stop' && blocks.some(({ type }) => type === 'tool_call') ? 'tool_calls' : finish;
}

/** Claude tells it where it is asked to. */
export function stopSequenceIn(of: Fields, losses: Losses): string | undefined {
  const more = of.object('additionalModelResponseFields');
  const sequence = more?.text('stop_sequence');
  if (more !== undefined) losses.dropLeft(more);
  return sequence;
}

const REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'content_filtered',
  refusal: 'content_filtered',
  // The API has no pause: whoever wants more asks for it.
  pause: 'end_turn',
};

/** Why it ended, and at which one of the stop sequences. */
export function endOf({ finish, stopSequence }: Pick<Answer, 'finish' | 'stopSequence'>, losses: Losses): Json {
  if (finish === 'pause' || finish === 'refusal') losses.approximate('stop_reason');
  if (stopSequence === undefined) return { stopReason: REASONS[finish] };
  return { stopReason: 'stop_sequence', additionalModelResponseFields: { stop_sequence: stopSequence } };
}

/** Writes the answer of Converse. Signatures of Gemini, which are of calls and texts, go along as empty thoughts that can be given back. */
export function encodeAnswer(answer: Answer): Encoded {
  const { blocks, usage } = answer;
  const losses = new Losses();
  const to = answerWriting(losses);
  const content = blocks.flatMap((block) => blocksOf(withSignatureThought(block), to));
  const body = {
    output: { message: { role: 'assistant', content } },
    ...endOf(answer, losses),
    ...(usage === undefined ? {} : { usage: usageOf(usage) }),
  };
  return { body, losses: [...answer.losses, ...losses.list()] };
}

export function answerWriting(losses: Losses): BlockWriting {
  return { isOwn: false, losses, isAnswer: true, family: undefined, nameOf: documentNames() };
}

function withSignatureThought(block: Block): readonly Block[] {
  if ((block.type !== 'text' && block.type !== 'tool_call') || block.signature === undefined) return [block];
  const { signature, ...unsigned } = block;
  const thought = signatureThought(block.type, signature);
  return block.type === 'text' ? [unsigned, thought] : [thought, unsigned];
}

export function signatureThought(of: 'text' | 'tool_call', signature: string): BlockOf<'reasoning'> {
  return { type: 'reasoning', text: '', signature: markedSignature(of, signature), sealed: undefined };
}

/** `usage` of the API, whose inputTokens leave out what the cache gave or took. */
export function usageOf({ input = 0, output = 0, total, cachedInput, cacheCreation, cacheCreation1h }: Usage): Json {
  return given({
    inputTokens: Math.max(0, input - (cachedInput ?? 0) - (cacheCreation ?? 0)),
    outputTokens: output,
    totalTokens: total ?? input + output,
    cacheReadInputTokens: cachedInput,
    cacheWriteInputTokens: cacheCreation,
    cacheDetails: cacheCreation1h === undefined ? undefined : lifetimes(cacheCreation ?? cacheCreation1h, cacheCreation1h),
  });
}

function lifetimes(all: number, longLived: number): Json[] {
  return [
    { ttl: '1h', inputTokens: longLived },
    { ttl: '5m', inputTokens: Math.max(0, all - longLived) },
  ];
}
