import { withOwn } from '../../citations.ts';
import type { Block, BlockOf } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';
import { markCached } from './cache-point.ts';
import { citationIn } from './citations.ts';
import { mediaIn } from './media.ts';
import { documentName } from './names.ts';
import { sealedIn } from './sealed.ts';

/**
 * Blocks of a list, of a request or of an answer. What has no text in it says nothing.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
 */
export function blocksIn(of: Fields, name: string, losses: Losses): Block[] {
  const found: Block[] = [];
  for (const part of of.objects(name)) {
    markCached(found, part, losses);
    const block = blockIn(part, losses);
    // Whatever the API has beside, such as searchResult.
    losses.dropLeft(part);
    const isOfBefore = block?.type === 'text' && block.text === '';
    if (isOfBefore) citeBefore(found, block, part, losses);
    else if (block !== undefined) found.push({ at: part.path, ...block });
  }
  return found;
}

/** Some models say what they said rests on behind it. */
function citeBefore(found: Block[], { citations = [] }: BlockOf<'text'>, part: Fields, losses: Losses): void {
  const last = found.at(-1);
  if (last?.type === 'text') found[found.length - 1] = withOwn(last, citations);
  else losses.drop(part.at('citationsContent'));
}

function blockIn(part: Fields, losses: Losses): Block | undefined {
  const text = part.text('text');
  if (text !== undefined) return textOf(text);
  return mediaBlock(part, losses) ?? toolBlock(part, losses) ?? thoughtIn(part, losses) ?? wrappedIn(part, losses);
}

function textOf(text: string): Block | undefined {
  return text === '' ? undefined : { type: 'text', text };
}

function mediaBlock(part: Fields, losses: Losses): Block | undefined {
  for (const type of ['image', 'audio', 'video'] as const) {
    const of = part.object(type);
    if (of === undefined) continue;
    const media = mediaIn(of, type, losses);
    losses.dropLeft(of);
    return type === 'image' ? { type, media, detail: undefined } : { type, media };
  }
  const document = part.object('document');
  if (document === undefined) return undefined;
  const block: Block = { type: 'file', media: mediaIn(document, 'document', losses), name: documentName(document.requiredText('name')) };
  losses.dropLeft(document);
  return block;
}

function toolBlock(part: Fields, losses: Losses): Block | undefined {
  const call = part.object('toolUse');
  if (call !== undefined) return callIn(call, losses);
  const result = part.object('toolResult');
  return result === undefined ? undefined : resultIn(result, losses);
}

function callIn(call: Fields, losses: Losses): Block | undefined {
  const input = call.raw('input') ?? {};
  const head = callHead(call, losses);
  return head === undefined ? undefined : { ...head, arguments: JSON.stringify(input) };
}

/** A call without its arguments, as a stream begins one. @returns undefined for one of a tool that the model's provider runs */
export function callHead(call: Fields, losses: Losses): BlockOf<'tool_call'> | undefined {
  if (call.text('type') !== undefined) {
    losses.drop(call.path);
    return undefined;
  }
  const id = call.requiredText('toolUseId');
  const name = call.requiredText('name');
  losses.dropLeft(call);
  return { type: 'tool_call', id, name, arguments: '' };
}

function resultIn(result: Fields, losses: Losses): Block | undefined {
  // Of a tool that the model's provider ran.
  if (result.text('type') !== undefined) {
    losses.drop(result.path);
    return undefined;
  }
  const id = result.requiredText('toolUseId');
  const status = result.text('status');
  if (status !== undefined && status !== 'success' && status !== 'error')
    throw result.wrong('status', `must be success or error, not "${status}"`);
  const blocks = result.objects('content').flatMap((part) => {
    const json = part.raw('json');
    const text = json === undefined ? part.text('text') : JSON.stringify(json);
    const block = text === undefined ? mediaBlock(part, losses) : textOf(text);
    losses.dropLeft(part);
    return block === undefined ? [] : [{ ...block, at: part.path }];
  });
  losses.dropLeft(result);
  return { type: 'tool_result', id, blocks, isError: status === 'error' };
}

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ReasoningContentBlock.html */
function thoughtIn(part: Fields, losses: Losses): Block | undefined {
  const reasoning = part.object('reasoningContent');
  if (reasoning === undefined) return undefined;
  const redacted = reasoning.text('redactedContent');
  const thought = reasoning.object('reasoningText');
  losses.dropLeft(reasoning);
  if (redacted !== undefined) return { type: 'reasoning', text: '', signature: undefined, sealed: sealedIn(redacted) };
  if (thought === undefined) return undefined;
  const block: Block = { type: 'reasoning', text: thought.text('text') ?? '', signature: thought.text('signature'), sealed: undefined };
  losses.dropLeft(thought);
  return block;
}

/** What is said with more about it: that goes, and the rest stays. */
function wrappedIn(part: Fields, losses: Losses): Block | undefined {
  const cited = part.object('citationsContent');
  if (cited !== undefined) {
    const text = cited.objects('content').map((each) => each.text('text') ?? '');
    const citations = cited.objects('citations').flatMap((each) => citationIn(each, losses) ?? []);
    losses.dropLeft(cited);
    return citations.length === 0 ? textOf(text.join('')) : { type: 'text', text: text.join(''), citations };
  }
  const guarded = part.object('guardContent');
  if (guarded === undefined) return undefined;
  // What a guardrail is to look at is told to the model as well.
  losses.approximate(guarded.path);
  const text = guarded.object('text')?.text('text');
  const block = text === undefined ? mediaBlock(guarded, losses) : textOf(text);
  losses.dropLeft(guarded);
  return block;
}
