import { REDACTED, type Redaction } from '../../redaction.ts';
import type { Accumulator } from '../accumulate.ts';
import type { HeldBody } from '../record.ts';
import { chatAnswer, chatRequest } from './chat.ts';
import { type Fields, parsed } from './fields.ts';
import { messagesAnswer, messagesRequest } from './messages.ts';
import { NOTHING_ASKED, NOTHING_SAID, type SeenAnswer, type SeenRequest } from './model.ts';
import { responsesAnswer, responsesRequest } from './responses.ts';

/** A body, parsed where it is not too large. */
export interface SeenBody {
  readonly fields: Fields | undefined;
  /** As it came; of a stream, the answer that would have come in one piece. */
  readonly text: () => string;
  readonly tooLarge: boolean;
}

/** @param body undefined: there is none, or it is no JSON */
export function seenBody(body: HeldBody | Accumulator | undefined): SeenBody | undefined {
  if (body === undefined) return undefined;
  if (body === 'too large') return { fields: undefined, text: () => REDACTED, tooLarge: true };
  if (!Buffer.isBuffer(body)) {
    const fields = body.value();
    return fields === undefined ? undefined : { fields, text: () => JSON.stringify(fields), tooLarge: false };
  }
  const text = body.toString();
  const fields = parsed(text);
  return fields === undefined ? undefined : { fields, text: () => text, tooLarge: false };
}

export function seenRequest(operation: string, body: Fields | undefined): SeenRequest {
  if (body === undefined) return NOTHING_ASKED;
  if (operation === 'chat' || operation === 'tokenize') return chatRequest(body);
  if (operation === 'messages' || operation === 'count_tokens') return messagesRequest(body);
  return operation === 'responses' || operation === 'responses_input_tokens' ? responsesRequest(body) : NOTHING_ASKED;
}

export function seenAnswer(operation: string, body: Fields | undefined): SeenAnswer {
  if (body === undefined) return NOTHING_SAID;
  if (operation === 'chat') return chatAnswer(body);
  if (operation === 'messages') return messagesAnswer(body);
  if (operation === 'responses') return responsesAnswer(body);
  return { ...NOTHING_SAID, ...(operation === 'completion' ? chatAnswer(body) : {}), messages: [] };
}

const BLOB_NAMES = new Set(['data', 'b64_json', 'file_data', 'url', 'image_url', 'result', 'audio', 'embedding']);
const IMAGES = new Set(['image', 'image_url', 'input_image']);

/** Names and words that base64 comes with in the APIs: a text without them is not looked through member by member. */
const MAY_HAVE_BASE64 = /base64|"(?:data|b64_json|file_data|result|audio|embedding)"/;

/** The JSON text of a body, with images and long base64 taken out as the settings say. */
export function maskedText({ fields, text }: SeenBody, { hides, base64Length }: Redaction): string {
  const whole = text();
  const hidesImages = hides.HIDE_INPUT_IMAGES && /"(?:input_)?image/.test(whole);
  // What is no longer than the limit as a whole has nothing in it that is.
  if (!hidesImages && (whole.length <= base64Length || !MAY_HAVE_BASE64.test(whole))) return whole;
  const long = (name: string, value: string): boolean =>
    value.length > base64Length && (value.startsWith('data:') || BLOB_NAMES.has(name) || isBase64(value));
  return JSON.stringify(fields, (name, value: unknown) => {
    if (typeof value === 'string') return long(name, value) ? REDACTED : value;
    if (!hidesImages || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const { type } = value as { type?: unknown };
    return typeof type === 'string' && IMAGES.has(type) ? { type, [type === 'image' ? 'source' : 'image_url']: REDACTED } : value;
  });
}

/** By its beginning: text of people has spaces. */
function isBase64(value: string): boolean {
  return /^[\w+/=-]{256}/.test(value);
}

/** A URL as it may be shown: long base64 is not. */
export function shownUrl(url: string, { base64Length }: Redaction): string {
  return url.startsWith('data:') && url.length > base64Length ? REDACTED : url;
}
