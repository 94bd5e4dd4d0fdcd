import { dropCitations } from '../citations.ts';
import type { Block, BlockOf, Turn } from '../conversation.ts';
import { given, type Json } from '../given.ts';
import { markedSeal } from '../sealed.ts';
import { argumentsOf } from '../json-object.ts';
import type { Writing } from '../losses.ts';
import { mediaPart } from './media.ts';
import { NO_SIGNATURE } from './signatures.ts';
import { responseOf } from './tool-result.ts';

/** What contents are written with. */
export interface PartWriting extends Writing {
  /** An answer says all that was thought; a request gives back what a model of Google's thought. */
  readonly isAnswer: boolean;
  /** Vertex knows ids of calls with newer models alone, and refuses them otherwise. */
  readonly hasIds: boolean;
  /** Newer models refuse calls that were made without their thoughts. */
  readonly needsSignature: boolean;
}

interface Call {
  readonly name: string;
  readonly order: number;
}

/** Calls so far. */
interface Calls {
  readonly byId: Map<string, Call>;
  count: number;
}

interface Part {
  readonly json: Json;
  /** Of a result: where its call stood. */
  readonly order: number | undefined;
}

/** Turns as contents. Neighbours of one role are one: results of calls have to stand together. */
export function contentsOf(turns: readonly Turn[], to: PartWriting): Json[] {
  const contents: { readonly role: string; readonly parts: Part[] }[] = [];
  const calls: Calls = { byId: new Map(), count: 0 };
  for (const { role, blocks } of turns) {
    // Instructions amid the conversation are what the user says.
    if (role === 'system') for (const { at = 'messages' } of blocks) to.losses.approximate(at);
    const as = role === 'assistant' ? 'model' : 'user';
    const parts = partsOf(blocks, calls, to);
    const last = contents.at(-1);
    if (last?.role === as) last.parts.push(...parts);
    else if (parts.length > 0) contents.push({ role: as, parts });
  }
  return contents.map(({ role, parts }) => {
    const written = inOrder(parts, to).map(({ json }) => json);
    return { role, parts: role === 'model' && to.needsSignature ? signed(written) : written };
  });
}

/** Results go first, and without ids in the order of their calls, by which the API then knows them. */
function inOrder(parts: readonly Part[], to: PartWriting): readonly Part[] {
  if (to.isOwn) return parts;
  const results = parts.filter(({ order }) => order !== undefined);
  if (!to.hasIds) results.sort((a, b) => a.order! - b.order!);
  return [...results, ...parts.filter(({ order }) => order === undefined)];
}

function signed(parts: readonly Json[]): Json[] {
  const first = parts.findIndex(({ functionCall }) => functionCall !== undefined);
  return parts.map((part, index) => (index === first ? { thoughtSignature: NO_SIGNATURE, ...part } : part));
}

function partsOf(blocks: readonly Block[], calls: Calls, to: PartWriting): Part[] {
  return blocks.flatMap((block): Part[] => {
    if (block.type === 'tool_call') calls.byId.set(block.id, { name: block.name, order: calls.count++ });
    if (block.type === 'tool_result') return resultParts(block, calls.byId.get(block.id), to);
    const json = partOf(block, to);
    return json === undefined ? [] : [{ json, order: undefined }];
  });
}

/** @returns undefined for what the API has no part for */
export function partOf(block: Block, to: PartWriting): Json | undefined {
  const { at = block.type, cache } = block;
  if (cache !== undefined) to.losses.drop(`${at}.cache_control`);
  switch (block.type) {
    case 'text':
      if (!to.isAnswer) dropCitations(block, at, to.losses);
      return block.text === '' && block.signature === undefined
        ? undefined
        : { text: block.text, ...given({ thoughtSignature: block.signature }) };
    case 'refusal':
      return { text: block.text };
    case 'reasoning':
      return thoughtOf(block, at, to);
    case 'tool_call': {
      const { id, name, signature } = block;
      const call = { ...given({ id: to.hasIds ? id : undefined }), name, args: argumentsOf(block, at, to.losses) };
      return { functionCall: call, ...given({ thoughtSignature: signature }) };
    }
    case 'tool_result':
      // Only a user has any.
      to.losses.drop(at);
      return undefined;
    case 'image':
    case 'audio':
    case 'video':
    case 'file':
      return mediaPart(block, at, to);
  }
}

function thoughtOf({ text, signature, sealed }: BlockOf<'reasoning'>, at: string, to: PartWriting): Json | undefined {
  const isGiven = to.isAnswer || (to.isOwn && sealed === undefined);
  if (isGiven) return { text, thought: true, ...given({ thoughtSignature: sealed === undefined ? signature : markedSeal(sealed) }) };
  to.losses.drop(at);
  return undefined;
}

/** A function answers with an object: what else it gave is what the user says next. */
function resultParts(result: BlockOf<'tool_result'>, call: Call | undefined, to: PartWriting): Part[] {
  const { id, blocks, isError, cache, at = 'tool_result' } = result;
  if (cache !== undefined) to.losses.drop(`${at}.cache_control`);
  const texts = blocks.flatMap((block) => (block.type === 'text' || block.type === 'refusal' ? [block.text] : []));
  const others = blocks.filter(({ type }) => type !== 'text' && type !== 'refusal');
  const media = others.flatMap((block): Json[] => {
    const part = partOf(block, to);
    return part === undefined ? [] : [part];
  });
  if (!to.isOwn) for (const block of others) to.losses.approximate(block.at ?? at);
  const functionResponse = {
    ...given({ id: to.hasIds ? id : undefined }),
    // A result of no call has no name: providers refuse it as well.
    name: call?.name ?? id,
    response: responseOf({ texts, isError }),
    ...(to.isOwn && media.length > 0 ? { parts: media } : {}),
  };
  const said: Part = { json: { functionResponse }, order: call?.order ?? Number.MAX_SAFE_INTEGER };
  return to.isOwn ? [said] : [said, ...media.map((json) => ({ json, order: undefined }))];
}
