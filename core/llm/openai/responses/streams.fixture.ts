// For tests: streams of responses as events, and what is heard of them.
import { CODECS } from '../../codecs.ts';
import type { AnswerEvent, FinishReason } from '../../conversation.ts';

/** Of a stream. */
export interface Event {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** As it comes over the wire. */
export const event = (value: Event) => ({ type: value.type, data: Buffer.from(JSON.stringify(value)) });

export interface Heard {
  readonly events: readonly AnswerEvent[];
  readonly losses: readonly string[];
}

/** @throws UnacceptableAnswer */
export function heard(...stream: readonly Event[]): Heard {
  const decoder = CODECS['openai-responses'].decodeStream();
  const events = [...stream.flatMap((each) => decoder.push(event(each))), ...decoder.end()];
  return { events, losses: decoder.losses.list().map(({ path }) => path) };
}

/** Blocks and end of what was heard. */
export function gathered(events: readonly AnswerEvent[]): {
  readonly blocks: readonly object[];
  readonly finish: FinishReason | undefined;
} {
  const blocks: Partial<Record<string, unknown>>[] = [];
  let finish: FinishReason | undefined;
  for (const each of events) {
    if (each.type === 'block_start') blocks.push({ ...each.block, at: undefined });
    if (each.type === 'answer_stop') finish = each.finish;
    if (!('text' in each)) continue;
    const field = each.type === 'signature_delta' ? 'signature' : each.type === 'arguments_delta' ? 'arguments' : 'text';
    const last = blocks.at(-1)!;
    last[field] = ((last[field] as string | undefined) ?? '') + each.text;
  }
  return { blocks, finish };
}

/** A thought without more than its text. */
export const REASONING = { type: 'reasoning', signature: undefined, sealed: undefined };
