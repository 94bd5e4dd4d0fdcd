import { decodeAnswer as decodeMessage, encodeAnswer as encodeMessage } from './anthropic/messages/answer.ts';
import { decodeRequest as decodeMessages } from './anthropic/messages/decode-request.ts';
import { MessagesStreamDecoder } from './anthropic/messages/decode-stream.ts';
import { encodeRequest as encodeMessages } from './anthropic/messages/encode-request.ts';
import { MessagesStreamEncoder } from './anthropic/messages/encode-stream.ts';
import { decodeAnswer as decodeConverse, encodeAnswer as encodeConverse } from './bedrock/converse/answer.ts';
import { decodeRequest as decodeBedrock } from './bedrock/converse/decode-request.ts';
import { ConverseStreamDecoder } from './bedrock/converse/decode-stream.ts';
import { encodeRequest as encodeBedrock } from './bedrock/converse/encode-request.ts';
import { ConverseStreamEncoder } from './bedrock/converse/encode-stream.ts';
import type { Codec } from './codec.ts';
import { decodeAnswer as decodeGenerated, encodeAnswer as encodeGenerated } from './gemini/answer.ts';
import { decodeRequest as decodeGemini } from './gemini/decode-request.ts';
import { GeminiStreamDecoder } from './gemini/decode-stream.ts';
import { encodeRequest as encodeGemini } from './gemini/encode-request.ts';
import { GeminiStreamEncoder } from './gemini/encode-stream.ts';
import { decodeAnswer as decodeCompletion, encodeAnswer as encodeCompletion } from './openai/chat/answer.ts';
import { decodeRequest as decodeChat } from './openai/chat/decode-request.ts';
import { ChatStreamDecoder } from './openai/chat/decode-stream.ts';
import { encodeRequest as encodeChat } from './openai/chat/encode-request.ts';
import { ChatStreamEncoder } from './openai/chat/encode-stream.ts';
import { decodeAnswer as decodeResponse, encodeAnswer as encodeResponse } from './openai/responses/answer.ts';
import { decodeRequest as decodeResponses } from './openai/responses/decode-request.ts';
import { ResponsesStreamDecoder } from './openai/responses/decode-stream.ts';
import { encodeRequest as encodeResponses } from './openai/responses/encode-request.ts';
import { ResponsesStreamEncoder } from './openai/responses/encode-stream.ts';

/** APIs that any other one of these can be served by. */
export const CODECS = {
  'openai-chat': {
    dialect: 'openai-chat',
    decodeRequest: decodeChat,
    encodeRequest: encodeChat,
    decodeAnswer: decodeCompletion,
    encodeAnswer: encodeCompletion,
    decodeStream: () => new ChatStreamDecoder(),
    encodeStream: (asked) => new ChatStreamEncoder(asked),
  },
  'openai-responses': {
    dialect: 'openai-responses',
    decodeRequest: decodeResponses,
    encodeRequest: encodeResponses,
    decodeAnswer: decodeResponse,
    encodeAnswer: encodeResponse,
    decodeStream: () => new ResponsesStreamDecoder(),
    encodeStream: (asked) => new ResponsesStreamEncoder(asked),
  },
  'anthropic-messages': {
    dialect: 'anthropic-messages',
    decodeRequest: decodeMessages,
    encodeRequest: encodeMessages,
    decodeAnswer: decodeMessage,
    encodeAnswer: encodeMessage,
    decodeStream: () => new MessagesStreamDecoder(),
    encodeStream: () => new MessagesStreamEncoder(),
  },
  gemini: {
    dialect: 'gemini',
    decodeRequest: decodeGemini,
    encodeRequest: encodeGemini,
    decodeAnswer: decodeGenerated,
    encodeAnswer: encodeGenerated,
    decodeStream: () => new GeminiStreamDecoder(),
    encodeStream: () => new GeminiStreamEncoder(),
  },
  'bedrock-converse': {
    dialect: 'bedrock-converse',
    decodeRequest: decodeBedrock,
    encodeRequest: encodeBedrock,
    decodeAnswer: decodeConverse,
    encodeAnswer: encodeConverse,
    decodeStream: () => new ConverseStreamDecoder(),
    encodeStream: () => new ConverseStreamEncoder(),
  },
} as const satisfies Readonly<Record<string, Codec>>;

export type TranslatedDialect = keyof typeof CODECS;
export const TRANSLATED = Object.keys(CODECS) as TranslatedDialect[];
