import type { JsonObjectScan } from '../../json/scan.ts';
import { type Cited, withCitations } from '../citations.ts';
import type { Encoded } from '../codec.ts';
import type { Answer, Block, FinishReason } from '../conversation.ts';
import { Fields } from '../fields.ts';
import { given, type Json } from '../given.ts';
import { Losses } from '../losses.ts';
import { malformed } from '../malformed.ts';
import { geminiUsage, type Usage } from '../usage.ts';
import { partsIn, type Reading } from './decode-parts.ts';
import { partOf, type PartWriting } from './encode-parts.ts';
import { citedIn, type Grounded, groundingOf } from './grounding.ts';

/** @see https://ai.google.dev/api/generate-content#FinishReason */
const FINISH: Readonly<Record<string, FinishReason>> = {
  FINISH_REASON_UNSPECIFIED: 'stop',
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  MODEL_ARMOR: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
  IMAGE_PROHIBITED_CONTENT: 'content_filter',
  IMAGE_RECITATION: 'content_filter',
};
/** What every answer has, and says nothing of the conversation. */
const ENVELOPE = ['createTime', 'modelStatus'] as const;
const CANDIDATE_ENVELOPE = ['index', 'safetyRatings', 'tokenCount'] as const;

/**
 * Reads a GenerateContentResponse: its first candidate.
 * @see https://ai.google.dev/api/generate-content#GenerateContentResponse
 * @throws UnacceptableAnswer
 */
export function decodeAnswer(body: JsonObjectScan): Answer {
  const answer = Fields.of(body, malformed);
  const losses = new Losses();
  const id = answer.text('responseId') ?? '';
  const isBlocked = blockedIn(answer, losses);
  const [candidate, ...others] = answer.objects('candidates');
  if (candidate === undefined && !isBlocked) throw malformed('candidates', 'has none');
  for (const { path } of others) losses.drop(path);
  const { blocks, reason, cited } = candidateIn(candidate, answerReading(id, losses), true);
  if (candidate !== undefined && blocks === undefined && reason === undefined) throw malformed(candidate.at('content'), 'is missing');
  const whole = withCitations(joined(blocks ?? []), cited, losses);
  const found: Answer = {
    id,
    model: answer.text('modelVersion') ?? '',
    blocks: whole,
    finish: finishOf(reason, isBlocked, whole, losses),
    stopSequence: undefined,
    usage: geminiUsage(answer.raw('usageMetadata')),
    losses: [],
  };
  leftOf(answer, losses);
  return { ...found, losses: losses.list() };
}

/** A call without an id is known by the answer and its number. */
export function answerReading(answerId: string, losses: Losses): Reading {
  let count = 0;
  const callId = (given: string | undefined): string => {
    const id = given ?? (answerId === '' ? `call_${count}` : `call_${answerId}_${count}`);
    count++;
    return id;
  };
  return { losses, callId, resultId: (given, name) => given ?? name };
}

/** Whether the question was refused. */
export function blockedIn(answer: Fields, losses: Losses): boolean {
  const feedback = answer.object('promptFeedback');
  if (feedback === undefined) return false;
  feedback.raw('safetyRatings');
  const reason = feedback.text('blockReason') ?? 'BLOCK_REASON_UNSPECIFIED';
  losses.dropLeft(feedback);
  return !reason.endsWith('BLOCK_REASON_UNSPECIFIED');
}

interface Candidate {
  readonly blocks: readonly Block[] | undefined;
  readonly reason: string | undefined;
  readonly cited: readonly Cited[];
}

/** @param isWhole whether all of its parts are there */
export function candidateIn(candidate: Fields | undefined, from: Reading, isWhole: boolean): Candidate {
  if (candidate === undefined) return { blocks: undefined, reason: undefined, cited: [] };
  for (const name of CANDIDATE_ENVELOPE) candidate.raw(name);
  const reason = candidate.text('finishReason');
  const content = candidate.object('content');
  content?.raw('role');
  const blocks = content === undefined ? undefined : partsIn(content, from);
  if (content !== undefined) from.losses.dropLeft(content);
  const cited = citedIn(candidate, from.losses, isWhole ? content : undefined);
  from.losses.dropLeft(candidate);
  return { blocks, reason, cited };
}

export function leftOf(answer: Fields, losses: Losses): void {
  for (const name of ENVELOPE) answer.raw(name);
  losses.dropLeft(answer);
}

/** The API says `STOP` of an answer that ends with a call, and has reasons that say nothing elsewhere, such as LANGUAGE. */
export function finishOf(reason: string | undefined, isBlocked: boolean, blocks: readonly Block[], losses: Losses): FinishReason {
  if (isBlocked) return 'content_filter';
  const known = Object.hasOwn(FINISH, reason ?? 'STOP') ? FINISH[reason ?? 'STOP'] : undefined;
  if (known === undefined) losses.approximate('candidates[0].finishReason');
  const finish = known ?? 'stop';
  return finish === 'stop' && blocks.some(({ type }) => type === 'tool_call') ? 'tool_calls' : finish;
}

/** Parts of one kind are one text, as a stream divides it: until one is signed. */
function joined(blocks: readonly Block[]): readonly Block[] {
  const found: Block[] = [];
  for (const block of blocks) {
    const last = found.at(-1);
    const before = goesOn(last, block) ? (last as Told) : undefined;
    if (before === undefined) found.push(block);
    else found[found.length - 1] = { ...(block as Told), ...given({ at: before.at }), text: before.text + (block as Told).text };
  }
  return found;
}

export type Told = Extract<Block, { readonly type: 'text' | 'reasoning' }>;

/** Whether a part is more of the block before it. */
export function goesOn(last: Block | undefined, next: Block): boolean {
  if (last === undefined || last.type !== next.type || (last.type !== 'text' && last.type !== 'reasoning')) return false;
  return last.signature === undefined && !isSealed(last) && !isSealed(next);
}

function isSealed(block: Block): boolean {
  return block.type === 'reasoning' && block.sealed !== undefined;
}

export const REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool_calls: 'STOP',
  content_filter: 'SAFETY',
  refusal: 'SAFETY',
  // The API has no pause: whoever wants more asks for it.
  pause: 'STOP',
};

/** Tells of an end what the API cannot. */
export function endLosses({ finish, stopSequence, usage }: Pick<Answer, 'finish' | 'stopSequence' | 'usage'>, losses: Losses): void {
  if (finish === 'pause' || finish === 'refusal') losses.approximate('stop_reason');
  if (stopSequence !== undefined) losses.drop('stop_sequence');
  if ((usage?.cacheCreation ?? 0) > 0) losses.drop('usage.cache_creation_input_tokens');
}

export function answerWriting(losses: Losses): PartWriting {
  return { isOwn: false, losses, isAnswer: true, hasIds: true, needsSignature: false };
}

/** Writes a GenerateContentResponse. */
export function encodeAnswer(answer: Answer): Encoded {
  const { id, model, blocks, finish, usage } = answer;
  const losses = new Losses();
  endLosses(answer, losses);
  const parts: Json[] = [];
  const grounded: Grounded[] = [];
  for (const block of blocks) {
    const part = partOf(block, answerWriting(losses));
    if (part === undefined) continue;
    const { at = 'content' } = block;
    if (block.type === 'text' && block.citations !== undefined)
      grounded.push({ text: block.text, citations: block.citations, part: parts.length, before: 0, at });
    parts.push(part);
  }
  const body = {
    candidates: [{ content: { role: 'model', parts }, finishReason: REASONS[finish], index: 0, ...groundingOf(grounded, losses) }],
    ...(usage === undefined ? {} : { usageMetadata: usageOf(usage) }),
    modelVersion: model,
    responseId: id,
  };
  return { body, losses: [...answer.losses, ...losses.list()] };
}

/** `usageMetadata` of the API, whose candidates leave out what was thought. */
export function usageOf({ input = 0, output = 0, total, cachedInput, reasoning, inputAudio, inputImage, outputAudio }: Usage): Json {
  return given({
    promptTokenCount: input,
    cachedContentTokenCount: cachedInput,
    candidatesTokenCount: Math.max(0, output - (reasoning ?? 0)),
    thoughtsTokenCount: reasoning,
    totalTokenCount: total ?? input + output,
    promptTokensDetails: modalities({ AUDIO: inputAudio, IMAGE: inputImage }),
    candidatesTokensDetails: modalities({ AUDIO: outputAudio }),
  });
}

function modalities(counts: Readonly<Record<string, number | undefined>>): Json[] | undefined {
  const found = Object.entries(counts).flatMap(([modality, tokenCount]) => (tokenCount === undefined ? [] : [{ modality, tokenCount }]));
  return found.length === 0 ? undefined : found;
}
