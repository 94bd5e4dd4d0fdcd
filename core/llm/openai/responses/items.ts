import { citationOf, type Cited, spanIn, withCitations } from '../../citations.ts';
import type { Block, BlockOf, Citation } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';
import { signatureIn } from '../thought-signature.ts';
import { urlCitationIn } from '../url-citation.ts';

/** Between the parts of one thought, which the conversation has as one text. */
export const PART_BREAK = '\n\n';
/** A signature of another API, in the field for what a client gives back unread. */
const SIGNED = 'tierkit:thinking:';

/**
 * What a model made, as it stands in the output of an answer and in the input of a later request.
 * @returns undefined for what only the API's own tools make
 */
export function blocksOfItem(item: Fields, losses: Losses): Block[] | undefined {
  const type = item.requiredText('type');
  const read = type === 'message' ? saidIn : type === 'reasoning' ? thoughtsIn : type === 'function_call' ? callIn : undefined;
  if (read === undefined) {
    losses.drop(item.path);
    return undefined;
  }
  for (const name of ['id', 'status']) item.raw(name);
  const blocks = read(item, losses);
  losses.dropLeft(item);
  return blocks;
}

function saidIn(message: Fields, losses: Losses): Block[] {
  message.raw('role');
  return message.objects('content').flatMap((part) => {
    const block = saidPartIn(part, part.requiredText('type'), losses);
    if (block === undefined) losses.drop(part.path);
    else losses.dropLeft(part);
    // Nothing was said.
    return block === undefined || (block.text === '' && !('signature' in block)) ? [] : [block];
  });
}

/** @returns undefined for a part that no model says */
export function saidPartIn(part: Fields, type: string, losses: Losses): BlockOf<'text' | 'refusal'> | undefined {
  if (type === 'refusal') return { type, text: part.requiredText('refusal'), at: part.path };
  if (type !== 'output_text') return undefined;
  if ((part.list('logprobs') ?? []).length > 0) losses.drop(part.at('logprobs'));
  const text = part.requiredText('text');
  const cited = part.objects('annotations').flatMap((each): Cited[] => {
    const citation = annotationIn(each, losses);
    return citation === undefined ? [] : [{ citation, at: each.path }];
  });
  const [block] = withCitations([{ type: 'text', text, ...signatureOf(part, losses), at: part.path }], cited, losses);
  return block as BlockOf<'text'>;
}

/** What a text rests on: a page, or a file of which only its name can be said elsewhere. @returns undefined for what cannot be said at all */
export function annotationIn(annotation: Fields, losses: Losses): Citation | undefined {
  const type = annotation.text('type');
  const citation = type === 'url_citation' ? urlCitationIn(annotation) : type === undefined ? undefined : fileCitationIn(type, annotation);
  if (citation === undefined) losses.drop(annotation.path);
  else losses.dropLeft(annotation);
  return citation;
}

function fileCitationIn(type: string, annotation: Fields): Citation | undefined {
  if (type !== 'file_citation' && type !== 'container_file_citation') return undefined;
  // Among the files that were searched, which is nothing to anyone else.
  if (type === 'file_citation') annotation.raw('index');
  const span = type === 'file_citation' ? undefined : spanIn(annotation, 'start_index', 'end_index');
  return citationOf({ url: undefined, title: annotation.text('filename'), cited: undefined, span });
}

/** What can be read of it, and its seal behind that, as a stream tells them. */
function thoughtsIn(item: Fields, losses: Losses): Block[] {
  const texts = [...item.objects('summary'), ...item.objects('content')].map((part) => {
    part.raw('type');
    const text = part.requiredText('text');
    losses.dropLeft(part);
    return text;
  });
  const text = texts.filter((each) => each !== '').join(PART_BREAK);
  const encrypted = item.text('encrypted_content');
  const at = item.path;
  if (encrypted?.startsWith(SIGNED)) return [{ type: 'reasoning', text, signature: encrypted.slice(SIGNED.length), sealed: undefined, at }];
  return [
    ...(text === '' ? [] : [{ type: 'reasoning', text, signature: undefined, sealed: undefined, at } as const]),
    ...(encrypted === undefined ? [] : [{ type: 'reasoning', text: '', signature: undefined, sealed: encrypted, at } as const]),
  ];
}

/** Of a call or of a text. */
export function signatureOf(of: Fields, losses: Losses): { readonly signature?: string } {
  const signature = signatureIn(of, losses);
  return signature === undefined ? {} : { signature };
}

function callIn(call: Fields, losses: Losses): Block[] {
  const id = call.requiredText('call_id');
  const name = call.requiredText('name');
  return [{ type: 'tool_call', id, name, arguments: call.text('arguments') ?? '', ...signatureOf(call, losses), at: call.path }];
}

/** Blocks of an assistant as the items that the API makes of them. */
export type Item =
  | { readonly type: 'message'; readonly parts: BlockOf<'text' | 'refusal'>[] }
  | { readonly type: 'reasoning'; readonly thought: BlockOf<'reasoning'> }
  | { readonly type: 'call'; readonly call: BlockOf<'tool_call'> }
  | { readonly type: 'none'; readonly block: Block };

/** Texts that follow each other are one message, and a thought is one with the seal behind it. */
export function itemsOf(blocks: readonly Block[]): Item[] {
  const items: Item[] = [];
  for (const block of blocks) {
    const last = items.at(-1);
    if (block.type === 'text' || block.type === 'refusal') {
      if (last?.type === 'message') last.parts.push(block);
      else items.push({ type: 'message', parts: [block] });
    } else if (block.type === 'tool_call') items.push({ type: 'call', call: block });
    else if (block.type !== 'reasoning') items.push({ type: 'none', block });
    else if (last?.type === 'reasoning' && isReadable(last.thought) && isSeal(block))
      items[items.length - 1] = { type: 'reasoning', thought: { ...last.thought, sealed: block.sealed } };
    else items.push({ type: 'reasoning', thought: block });
  }
  return items;
}

/** Neither signed nor sealed. Clients of other APIs give back an empty signature where there is none. */
function isReadable({ signature, sealed }: BlockOf<'reasoning'>): boolean {
  return !signature && sealed === undefined;
}

export function isSeal({ text, sealed }: BlockOf<'reasoning'>): boolean {
  return sealed !== undefined && text === '';
}

/** `encrypted_content` of a thought. */
export function encryptedOf({ signature, sealed }: BlockOf<'reasoning'>): string | undefined {
  if (sealed !== undefined) return sealed;
  return signature ? SIGNED + signature : undefined;
}
