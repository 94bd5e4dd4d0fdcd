import { type JsonObjectScan, scanObject } from '../../../json/scan.ts';
import { CODECS } from '../../codecs.ts';
import type { Conversation } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import type { Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';

/** What a client wants the tokens of, and how it is told their number. */
export interface Counted {
  /** @throws GatewayError TK_BAD_REQUEST, TK_UNSUPPORTED */
  read(body: JsonObjectScan): Conversation;
  /** @param losses takes what nobody can tell the client */
  answer(tokens: number, losses: Losses): Json;
}

/** @see https://docs.anthropic.com/en/api/messages-count-tokens */
export const MESSAGES_COUNTED: Counted = {
  read: (body) => CODECS['anthropic-messages'].decodeRequest(body),
  answer: (tokens) => ({ input_tokens: tokens }),
};

/** @see https://platform.openai.com/docs/api-reference/responses/input-tokens */
export const RESPONSES_COUNTED: Counted = {
  read: (body) => CODECS['openai-responses'].decodeRequest(body),
  answer: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
};

/**
 * `/tokenize` of vLLM: of messages as chat completions have them, or of a prompt. Providers tell how many tokens there are, never which.
 * @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server/#tokenizer-api
 */
export const TOKENIZED: Counted = {
  read: (body) => CODECS['openai-chat'].decodeRequest(body.has('messages') ? body : asMessages(Fields.of(body))),
  answer(tokens, losses) {
    for (const name of ['tokens', 'max_model_len']) losses.drop(name);
    return { count: tokens };
  },
};

/** A prompt as the only message. */
function asMessages(body: Fields): JsonObjectScan {
  const messages = [{ role: 'user', content: body.requiredText('prompt') }];
  return scanObject(Buffer.from(JSON.stringify({ ...Object.fromEntries(body.left()), messages })));
}
