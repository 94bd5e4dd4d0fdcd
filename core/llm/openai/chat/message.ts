import type { Cited } from '../../citations.ts';
import type { Block, BlockOf, Citation, ReasoningBlock } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { signatureIn } from '../thought-signature.ts';
import { type Place, urlCitationIn, urlCitationOf } from '../url-citation.ts';

/** What the assistant thought, in a message of a request or of an answer: once, though clients are told it in two fields. */
export function thoughtsIn(message: Fields): Block[] {
  const thoughts = message.objects('thinking_blocks').map((block) => ({ ...thoughtIn(block), at: block.path }));
  const text = message.text('reasoning_content') ?? message.text('reasoning');
  if (thoughts.length > 0 || text === undefined || text === '') return thoughts;
  return [{ type: 'reasoning', text, signature: undefined, sealed: undefined, at: message.at('reasoning_content') }];
}

/**
 * Text of an answer. Of a model that reasons Mistral has a list instead, of thoughts and texts, until the thought is closed.
 * @see https://docs.mistral.ai/capabilities/reasoning
 */
export function contentIn(message: Fields, losses: Losses): Block[] {
  if (!Array.isArray(message.raw('content'))) {
    const text = message.text('content');
    return text === undefined || text === '' ? [] : [{ type: 'text', text }];
  }
  return message.objects('content').flatMap((part): Block[] => {
    const type = part.text('type');
    if (type === 'text') return [{ type, text: part.text('text') ?? '' }];
    if (type === 'thinking') {
      const text = Array.isArray(part.raw('thinking')) ? textIn(part.objects('thinking')) : (part.text('thinking') ?? '');
      return [{ type: 'reasoning', text, signature: part.text('signature'), sealed: undefined }];
    }
    losses.drop(part.path);
    return [];
  });
}

/** What the text of a message rests on: places are in all of it. */
export function annotationsIn(message: Fields, losses: Losses): Cited[] {
  return message.objects('annotations').flatMap((annotation) => {
    const of = annotation.text('type') === 'url_citation' ? annotation.object('url_citation') : undefined;
    const citation = of === undefined ? undefined : urlCitationIn(of);
    if (citation === undefined) losses.drop(annotation.path);
    else for (const each of [of!, annotation]) losses.dropLeft(each);
    return citation === undefined ? [] : [{ citation, at: annotation.path }];
  });
}

/** What {@link annotationsIn} reads, of one of the texts. */
export function annotationsOf(citations: readonly Citation[], place: Place, losses: Losses): Json[] {
  return citations.flatMap((citation) => {
    const of = urlCitationOf(citation, place, losses);
    return of === undefined ? [] : [{ type: 'url_citation', url_citation: of }];
  });
}

function textIn(parts: readonly Fields[]): string {
  return parts.map((part) => part.text('text') ?? '').join('');
}

/** As LiteLLM and Envoy AI Gateway hand on what Anthropic gave. */
export function thoughtIn(block: Fields): ReasoningBlock {
  const type = block.requiredText('type');
  if (type === 'redacted_thinking') return { type: 'reasoning', text: '', signature: undefined, sealed: block.requiredText('data') };
  if (type === 'thinking')
    return { type: 'reasoning', text: block.text('thinking') ?? '', signature: block.text('signature'), sealed: undefined };
  throw block.wrong('type', `must be thinking or redacted_thinking, not "${type}"`);
}

export function toolCallIn(call: Fields, losses: Losses): Block {
  const type = call.text('type') ?? 'function';
  if (type !== 'function') throw call.wrong('type', `${type} calls cannot be said in another API; only function calls can`);
  // Some clients number them.
  call.raw('index');
  const of = call.object('function');
  if (of === undefined) throw call.wrong('function', 'is required');
  const block = callIn(of, call.requiredText('id'), call.path);
  const signature = signatureIn(call, losses);
  losses.dropLeft(call);
  return signature === undefined ? block : { ...block, signature };
}

/** A message has one for all of its text: it is that of the last one. */
export function withSignature(blocks: readonly Block[], signature: string | undefined): Block[] {
  if (signature === undefined) return [...blocks];
  const last = blocks.findLastIndex(({ type }) => type === 'text');
  if (last === -1) return [...blocks, { type: 'text', text: '', signature }];
  return blocks.map((block, index) => (index === last && block.type === 'text' ? { ...block, signature } : block));
}

export function callOf({ id, name, arguments: text }: BlockOf<'tool_call'>): Json {
  return { id, type: 'function', function: { name, arguments: text } };
}

export function callIn(of: Fields, id: string, at: string): BlockOf<'tool_call'> {
  return { type: 'tool_call', id, name: of.requiredText('name'), arguments: of.text('arguments') ?? '', at };
}
