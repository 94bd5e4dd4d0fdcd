import { OpenInferenceSpanKind } from '@arizeai/openinference-semantic-conventions';

/** Name and kind of the span of each operation: the reference's, so that saved views find them. */
export interface OperationSpan {
  readonly name: string;
  readonly kind: OpenInferenceSpanKind;
}

const { LLM, EMBEDDING, RERANKER, CHAIN } = OpenInferenceSpanKind;

/**
 * What only counts tokens is no call of a model: it is a CHAIN here, where the reference says TOKEN_COUNTER, a kind that OpenInference does
 * not have and Phoenix shows as unknown.
 */
const SPANS: Readonly<Record<string, OperationSpan>> = {
  chat: { name: 'ChatCompletion', kind: LLM },
  completion: { name: 'Completion', kind: LLM },
  embeddings: { name: 'CreateEmbeddings', kind: EMBEDDING },
  responses: { name: 'Responses', kind: LLM },
  messages: { name: 'Message', kind: LLM },
  image_generation: { name: 'ImagesResponse', kind: LLM },
  speech: { name: 'AudioSpeech', kind: LLM },
  transcription: { name: 'Transcription', kind: LLM },
  translation: { name: 'Translation', kind: LLM },
  rerank: { name: 'Rerank', kind: RERANKER },
  count_tokens: { name: 'CountTokens', kind: CHAIN },
  responses_input_tokens: { name: 'ResponsesInputTokens', kind: CHAIN },
  tokenize: { name: 'Tokenize', kind: CHAIN },
};

export function operationSpan(operation: string): OperationSpan {
  return SPANS[operation] ?? { name: operation, kind: CHAIN };
}
