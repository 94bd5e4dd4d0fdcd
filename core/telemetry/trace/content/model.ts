/** What was said in a model call, as the conventions tell it, whatever API it was said in. */
export type SeenPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string; readonly signature?: string | undefined }
  /** A URL; `data:` with base64 where the bytes are in the body. */
  | { readonly type: 'image'; readonly url: string }
  | { readonly type: 'audio'; readonly url: string }
  | { readonly type: 'file'; readonly name: string | undefined }
  | { readonly type: 'tool_call'; readonly id: string | undefined; readonly name: string; readonly arguments: string }
  | { readonly type: 'tool_result'; readonly id: string | undefined; readonly text: string }
  /** Something that the API has and we do not know. */
  | { readonly type: 'other'; readonly kind: string };

export interface SeenMessage {
  readonly role: string;
  readonly name?: string | undefined;
  readonly parts: readonly SeenPart[];
  readonly finish?: string | undefined;
}

/** A tool, as JSON. */
export interface SeenTool {
  readonly schema: string;
}

export interface SeenRequest {
  readonly messages: readonly SeenMessage[];
  readonly tools: readonly SeenTool[];
}

export interface SeenAnswer {
  readonly id: string | undefined;
  readonly messages: readonly SeenMessage[];
  readonly finishReasons: readonly string[];
}

export const NOTHING_ASKED: SeenRequest = { messages: [], tools: [] };
export const NOTHING_SAID: SeenAnswer = { id: undefined, messages: [], finishReasons: [] };
