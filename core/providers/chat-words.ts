import type { Edit } from '../json/edit.ts';
import type { JsonObjectScan } from '../json/scan.ts';
import type { Json } from '../llm/given.ts';

/** The newer name, which stands for what is thought as well. @see https://platform.openai.com/docs/api-reference/chat/create */
const LIMIT = 'max_completion_tokens';

/** Where servers of chat completions do not know all of the API. */
export interface ChatWords {
  /** Whether a stream without usage is asked for it. */
  readonly asksForUsage: boolean;
  /** How the bound of an answer is called. @default max_completion_tokens */
  readonly outputLimit?: 'max_tokens' | undefined;
  /** Whether it takes back as `reasoning_content` what its model thought. */
  readonly takesThoughts?: boolean | undefined;
}

/** A body of our own, in the words of one server. */
export function inWordsOf({ asksForUsage, outputLimit }: ChatWords, body: Json): Json {
  const { stream_options: options, [LIMIT]: limit, ...rest } = body;
  return {
    ...rest,
    ...(limit === undefined ? {} : { [outputLimit ?? LIMIT]: limit }),
    ...(options === undefined || !asksForUsage ? {} : { stream_options: options }),
  };
}

/** Gives the bound that a client has set the name that a server knows; where it has both, the API's newer one counts. */
export function limitEdits(scan: JsonObjectScan, name: string): Edit[] {
  const value = scan.slice(LIMIT);
  if (value === undefined) return [];
  return [{ remove: LIMIT }, ...(scan.type(LIMIT) === 'null' ? [] : [{ set: name, value }])];
}
