import { charactersIn } from '../../citations.ts';
import type { Block, BlockOf, FinishReason } from '../../conversation.ts';
import type { Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import type { Usage } from '../../usage.ts';
import { signed } from '../thought-signature.ts';
import { urlCitationOf } from '../url-citation.ts';
import { encryptedOf } from './items.ts';

/** What a response is written with. */
export interface Head {
  readonly id: string;
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
}

/** Of an item, as the API and its clients know it by its prefix. The same answer has the same ids. */
export function itemId(prefix: 'msg' | 'rs' | 'fc', { id }: Head, index: number): string {
  return `${prefix}_${id}_${index}`;
}

/** Signatures of Gemini go along as in chat completions: clients give back items as they got them. */
export function partOf(block: BlockOf<'text' | 'refusal'>, losses: Losses): Json {
  if (block.type === 'refusal') return { type: block.type, refusal: block.text };
  return { type: 'output_text', text: block.text, annotations: annotationsOf(block, losses), logprobs: [], ...signed(block.signature) };
}

export function annotationsOf({ citations = [], text, at = 'content' }: BlockOf<'text'>, losses: Losses): Json[] {
  if (citations.length === 0) return [];
  const place = { base: 0, length: charactersIn(text), at };
  return citations.flatMap((citation) => {
    const of = urlCitationOf(citation, place, losses);
    return of === undefined ? [] : [{ type: 'url_citation', ...of }];
  });
}

export type ItemStatus = 'in_progress' | 'completed';

export function messageItem(id: string, content: readonly Json[], status: ItemStatus): Json {
  return { id, type: 'message', role: 'assistant', status, content };
}

export function thoughtItem(id: string, thought: BlockOf<'reasoning'>): Json {
  const { text } = thought;
  const summary = text === '' ? [] : [{ type: 'summary_text', text }];
  return { id, type: 'reasoning', summary, encrypted_content: encryptedOf(thought) ?? null };
}

export function callItem(id: string, call: Omit<BlockOf<'tool_call'>, 'type'>, status: ItemStatus): Json {
  return { id, type: 'function_call', call_id: call.id, name: call.name, arguments: call.arguments, status, ...signed(call.signature) };
}

export interface End {
  readonly finish: FinishReason;
  readonly stopSequence: string | undefined;
  readonly usage: Usage | undefined;
}

/** A response. Clients rely on the fields in which it repeats its request, of which the writer of an answer knows nothing: they are as unsaid. */
export function responseOf({ id, model, created }: Head, output: readonly Json[], end: End | undefined): Json {
  const cut = end === undefined ? undefined : CUT[end.finish];
  return {
    id,
    object: 'response',
    created_at: created,
    status: end === undefined ? 'in_progress' : cut === undefined ? 'completed' : 'incomplete',
    background: false,
    error: null,
    incomplete_details: cut === undefined ? null : { reason: cut },
    instructions: null,
    max_output_tokens: null,
    metadata: {},
    model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    truncation: 'disabled',
    usage: end?.usage === undefined ? null : usageOf(end.usage),
  };
}

const CUT: Readonly<Partial<Record<FinishReason, string>>> = { length: 'max_output_tokens', content_filter: 'content_filter' };

/** Lists what the API cannot say of an end. */
export function endOf({ finish, stopSequence, usage }: End, hasRefused: boolean, losses: Losses): End {
  if (stopSequence !== undefined) losses.drop('stop_sequence');
  const isUnsaid = finish === 'refusal' && !hasRefused;
  // The API has no pause, and a refusal is what was said.
  if (finish === 'pause' || isUnsaid) losses.approximate('stop_reason');
  return { finish: isUnsaid ? 'content_filter' : finish, stopSequence, usage };
}

/** Clients rely on each of the counts. */
function usageOf({ input = 0, output = 0, total, cachedInput, cacheCreation, reasoning }: Usage): Json {
  const written = cacheCreation === undefined ? {} : { cache_write_tokens: cacheCreation };
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cachedInput ?? 0, ...written },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning ?? 0 },
    total_tokens: total ?? input + output,
  };
}

export function hasRefused(blocks: readonly Block[]): boolean {
  return blocks.some(({ type }) => type === 'refusal');
}
