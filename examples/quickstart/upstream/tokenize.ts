/**
 * `POST /tokenize` as vLLM serves it, for a prompt or for messages.
 * @see https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
 */
import { createHash } from 'node:crypto';
import { chatGrammar, inputTokens, readConversation } from './conversation.ts';
import { type Answer, badField, type Incoming, json, readJson } from './http.ts';
import { CONTEXT_TOKENS, readModel } from './models.ts';
import { tokenize as tokensOf } from './tokens.ts';

export function tokenize(request: Incoming): Answer {
  const body = readJson(request);
  // vLLM lets the caller leave the model out.
  if (body['model'] !== undefined && body['model'] !== null) readModel(body, 'chat');
  const { prompt, messages } = body;
  if (typeof prompt !== 'string' && messages === undefined) throw badField('prompt', 'give either prompt, a string, or messages');
  const tokens =
    typeof prompt === 'string' ? tokensOf(prompt) : inputTokens(readConversation(messages, 'messages', chatGrammar), body['tools']);
  return json({
    count: tokens.length,
    max_model_len: CONTEXT_TOKENS,
    tokens: tokens.map(idOf),
    token_strs: body['return_token_strs'] === true ? tokens : null,
  });
}

/** There is no vocabulary: an id is a hash of the token's text, below 2^17. */
function idOf(token: string): number {
  return createHash('sha256').update(token).digest().readUInt32BE(0) >>> 15;
}
