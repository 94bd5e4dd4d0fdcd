import type { Block } from '../conversation.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../given.ts';
import type { Losses } from '../losses.ts';
import { unmarkedSeal } from '../sealed.ts';
import { fileIn, inlineIn, type MediaBlock } from './media.ts';
import { signatureIn } from './signatures.ts';
import { resultIn } from './tool-result.ts';

/** How parts are read. */
export interface Reading {
  readonly losses: Losses;
  /** Of a call that was made: @param id that it has, where it has one */
  readonly callId: (id: string | undefined, name: string) => string;
  /** Of a call that is answered. */
  readonly resultId: (id: string | undefined, name: string) => string;
}

/** Objects of a list, which the API also takes alone. */
export function listedIn(of: Fields, name: string): Fields[] {
  const value = of.raw(name);
  if (value === undefined) return [];
  return (Array.isArray(value) ? (value as unknown[]) : [value]).map((each, index) => of.item(name, index, each));
}

/** `parts` of a content. @see https://ai.google.dev/api/caching#Part */
export function partsIn(content: Fields, from: Reading): Block[] {
  return listedIn(content, 'parts').flatMap((part) => {
    const block = blockIn(part, from);
    // Code that the API ran, and whatever it will have next.
    from.losses.dropLeft(part);
    return block === undefined ? [] : [{ ...block, at: part.path }];
  });
}

function blockIn(part: Fields, from: Reading): Block | undefined {
  const isThought = part.boolean('thought') ?? false;
  const signature = signatureIn(part);
  const call = part.object('functionCall');
  if (call !== undefined) return callIn(call, signature, from);
  const text = part.text('text');
  if (text !== undefined) return textOf(text, signature, isThought);
  const result = part.object('functionResponse');
  const block = result === undefined ? mediaIn(part, from.losses) : resultOf(result, from);
  if (block === undefined) return textOf('', signature, isThought);
  // Of nothing that could be given back with it.
  if (signature !== undefined) from.losses.drop(part.at('thoughtSignature'));
  if (!isThought) return block;
  // A draft of an image.
  from.losses.drop(part.path);
  return undefined;
}

function textOf(text: string, signature: string | undefined, isThought: boolean): Block | undefined {
  if (text === '' && signature === undefined) return undefined;
  if (!isThought) return { type: 'text', text, ...(signature === undefined ? {} : { signature }) };
  const sealed = text === '' ? unmarkedSeal(signature) : undefined;
  return { type: 'reasoning', text, signature: sealed === undefined ? signature : undefined, sealed };
}

function mediaIn(part: Fields, losses: Losses): MediaBlock | undefined {
  const inline = part.object('inlineData');
  if (inline !== undefined) return inlineIn(inline, losses);
  const file = part.object('fileData');
  return file === undefined ? undefined : fileIn(file, losses);
}

function objectIn(of: Fields, name: string): Json | undefined {
  return of.object(name) === undefined ? undefined : (of.raw(name) as Json);
}

function callIn(call: Fields, signature: string | undefined, { losses, callId }: Reading): Block {
  const name = call.requiredText('name');
  const id = callId(call.text('id'), name);
  // Vertex tells arguments bit by bit where it is asked to.
  if (call.list('partialArgs') !== undefined || call.boolean('willContinue') === true)
    throw call.wrong('partialArgs', 'cannot be said in another API; only whole arguments can');
  const args = objectIn(call, 'args') ?? {};
  losses.dropLeft(call);
  return {
    type: 'tool_call',
    id,
    name,
    arguments: JSON.stringify(args),
    ...(signature === undefined ? {} : { signature }),
  };
}

function resultOf(result: Fields, { losses, resultId }: Reading): Block {
  const name = result.requiredText('name');
  const id = resultId(result.text('id'), name);
  const response = objectIn(result, 'response');
  if (response === undefined) throw result.wrong('response', 'is required');
  const { texts, isError } = resultIn(response);
  const media = listedIn(result, 'parts').flatMap((part) => {
    const block = mediaIn(part, losses);
    losses.dropLeft(part);
    return block === undefined ? [] : [{ ...block, at: part.path }];
  });
  losses.dropLeft(result);
  return { type: 'tool_result', id, blocks: [...texts.map((text) => ({ type: 'text', text }) as const), ...media], isError };
}
