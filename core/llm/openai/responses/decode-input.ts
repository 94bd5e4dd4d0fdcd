import { nameOf } from '../file-name.ts';
import { cacheHint } from '../../cache-hint.ts';
import type { Block, Media, Turn } from '../../conversation.ts';
import { GatewayError } from '../../../errors.ts';
import type { Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';
import { mediaAt } from '../../media.ts';
import { blocksOfItem, saidPartIn } from './items.ts';

export interface Input {
  readonly system: readonly Block[];
  readonly turns: readonly Turn[];
}

/** `instructions` and `input` of a request. */
export function inputOf(request: Fields, losses: Losses): Input {
  const system = textsIn(request, 'instructions');
  const input = request.raw('input');
  if (input === undefined) throw request.wrong('input', 'is required');
  if (typeof input === 'string') return { system, turns: [{ role: 'user', blocks: textOf(input, 'input') }] };
  if (!Array.isArray(input)) throw request.wrong('input', 'must be a text or a list of items');
  const turns: { readonly role: Turn['role']; readonly blocks: Block[] }[] = [];
  for (const [index, value] of input.entries()) {
    const turn = turnOf(request.item('input', index, value), losses);
    if (turn === undefined) continue;
    const last = turns.at(-1);
    if (turn.role === 'system' && last === undefined) system.push(...turn.blocks);
    // Thoughts, texts and calls of one answer are items of their own.
    else if (turn.role === 'assistant' && last?.role === 'assistant') last.blocks.push(...turn.blocks);
    else turns.push({ role: turn.role, blocks: [...turn.blocks] });
  }
  if (turns.length === 0 && system.length === 0) throw request.wrong('input', 'needs one item or more');
  return { system, turns };
}

/** What refers to something that the API would have kept. */
export function notKept(path: string): GatewayError {
  const message = `${path} refers to what is stored, and the backends of the route keep no responses: send the whole conversation as input`;
  return new GatewayError('TK_UNSUPPORTED', message, { param: path });
}

function textsIn(of: Fields, name: string): Block[] {
  return textOf(of.text(name) ?? '', of.at(name));
}

function textOf(text: string, at: string): Block[] {
  return text === '' ? [] : [{ type: 'text', text, at }];
}

/** @returns undefined for what only the API's own tools make */
function turnOf(item: Fields, losses: Losses): Turn | undefined {
  const hasRole = item.text('role') !== undefined;
  const type = item.text('type') ?? (hasRole ? 'message' : 'item_reference');
  if (type === 'item_reference') throw notKept(item.path);
  if (type === 'message') return messageOf(item, losses);
  if (type === 'function_call_output') return { role: 'user', blocks: [resultOf(item, losses)] };
  const hint = type === 'function_call' ? cacheHint(item) : {};
  const blocks = blocksOfItem(item, losses);
  return blocks === undefined ? undefined : { role: 'assistant', blocks: blocks.map((block) => ({ ...block, ...hint })) };
}

const ROLES: Readonly<Record<string, Turn['role']>> = { system: 'system', developer: 'system', user: 'user', assistant: 'assistant' };

function messageOf(message: Fields, losses: Losses): Turn {
  const name = message.requiredText('role');
  const role = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
  if (role === undefined) throw message.wrong('role', `must be user, assistant, system or developer, not "${name}"`);
  const blocks = contentOf(message, 'content', losses);
  for (const each of ['id', 'status']) message.raw(each);
  losses.dropLeft(message);
  return { role, blocks };
}

function resultOf(result: Fields, losses: Losses): Block {
  const id = result.requiredText('call_id');
  const blocks = contentOf(result, 'output', losses);
  const hint = cacheHint(result);
  for (const each of ['id', 'status']) result.raw(each);
  losses.dropLeft(result);
  return { type: 'tool_result', id, blocks, isError: false, ...hint, at: result.path };
}

function contentOf(of: Fields, name: string, losses: Losses): Block[] {
  const content = of.raw(name);
  const at = of.at(name);
  if (content === undefined) return [];
  if (typeof content === 'string') return textOf(content, at).map((block) => ({ ...block, ...cacheHint(of) }));
  if (!Array.isArray(content)) throw of.wrong(name, 'must be a text or a list of parts');
  return content.map((value, index) => {
    const part = of.item(name, index, value);
    const block = { ...partOf(part, losses), ...cacheHint(part), at: part.path };
    losses.dropLeft(part);
    return block;
  });
}

function partOf(part: Fields, losses: Losses): Block {
  const type = part.requiredText('type');
  switch (type) {
    case 'input_text':
      return { type: 'text', text: part.requiredText('text') };
    case 'input_image': {
      const detail = part.text('detail');
      // `auto` is what the API does where nothing is said; its SDKs always say something.
      return { type: 'image', media: mediaOf(part, 'image_url'), detail: detail === 'auto' ? undefined : detail };
    }
    case 'input_file':
      return fileOf(part);
    case 'input_audio': {
      const audio = part.object('input_audio');
      if (audio === undefined) throw part.wrong('input_audio', 'is required');
      const mediaType = `audio/${audio.requiredText('format')}`;
      return { type: 'audio', media: { base64: audio.requiredText('data'), mediaType } };
    }
    default: {
      const said = saidPartIn(part, type, losses);
      if (said !== undefined) return said;
      throw part.wrong('type', `"${type}" is none of input_text, input_image, input_file, input_audio, output_text, refusal`);
    }
  }
}

function mediaOf(part: Fields, urlName: string): Media {
  const fileId = part.text('file_id');
  const url = part.text(urlName);
  if (url !== undefined) return mediaAt(url, part.at(urlName));
  if (fileId === undefined) throw part.wrong(urlName, 'or file_id is required');
  return { fileId, mediaType: undefined };
}

function fileOf(part: Fields): Block {
  const name = nameOf(part.text('filename'));
  const data = part.text('file_data');
  if (data === undefined) return { type: 'file', media: mediaOf(part, 'file_url'), name };
  // Bare base64 is a PDF, as those were the first files that the API took.
  const media = data.startsWith('data:') ? mediaAt(data, part.at('file_data')) : { base64: data, mediaType: 'application/pdf' };
  return { type: 'file', media, name };
}
