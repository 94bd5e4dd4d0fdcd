import type { StreamEvent } from '../codec.ts';
import type { EventMeaning, StreamReader } from '../stream.ts';
import { openaiUsage, type Usage } from '../usage.ts';

const INDEX = Buffer.from('"index":');
const USAGE = Buffer.from('"usage":');
const FINISH = Buffer.from('"finish_reason":');
const ERROR = Buffer.from('"error":');

/**
 * Stream of POST /v1/chat/completions and /v1/completions: `data:` lines of chunk objects, then `data: [DONE]`.
 * Chunks of plain text are not parsed: what matters in them is found by a few byte searches.
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 */
export class ChatStreamReader implements StreamReader {
  usage: Usage | undefined;
  model: string | undefined;
  tokens = 0;
  /** Choices by index, and whether each has its finish reason. */
  readonly #choices = new Map<number, boolean>();
  readonly #hideUsage: boolean;

  /** @param hideUsage the client did not ask for the chunk that carries the usage alone: we did. */
  constructor(hideUsage: boolean) {
    this.#hideUsage = hideUsage;
  }

  /** Every choice has its finish reason: some servers leave `[DONE]` out. */
  get complete(): boolean {
    return this.#choices.size > 0 && [...this.#choices.values()].every(Boolean);
  }

  read(event: StreamEvent): EventMeaning {
    const { data } = event;
    if (data === undefined) return 'hold';
    // An end without a single chunk is no answer.
    if (isDone(data)) return this.#choices.size === 0 ? 'malformed' : 'end';
    if (event.type === 'error') return 'error';
    return this.#isToken(data) ? 'token' : this.#parsed(data);
  }

  /** Most chunks of most servers: content of the first choice, `finish_reason: null`, at most `usage: null`. */
  #isToken(data: Buffer): boolean {
    if (this.tokens === 0) return false;
    // What has no index is no chunk with content: an error, usage, no JSON at all.
    const index = data.indexOf(INDEX);
    if (index === -1 || first(data, index + INDEX.length) !== 0x30) return false;
    const usage = data.indexOf(USAGE);
    if (usage !== -1 && !isNull(data, usage + USAGE.length)) return false;
    const finish = data.indexOf(FINISH);
    if (finish !== -1 && !isNull(data, finish + FINISH.length)) return false;
    if (data.includes(ERROR)) return false;
    if (!this.#choices.has(0)) this.#choices.set(0, false);
    this.tokens++;
    return true;
  }

  #parsed(data: Buffer): EventMeaning {
    let chunk: Record<string, unknown>;
    try {
      chunk = JSON.parse(data.toString()) as Record<string, unknown>;
    } catch {
      return 'malformed';
    }
    if (typeof chunk !== 'object' || chunk === null) return 'malformed';
    // `object: error` is how vLLM said it before it had the API's own shape.
    if ((chunk['error'] !== undefined && chunk['error'] !== null) || chunk['object'] === 'error') return 'error';
    // Azure's first chunk is about the prompt, and names no model.
    if (typeof chunk['model'] === 'string' && chunk['model'] !== '') this.model ??= chunk['model'];
    const usage = openaiUsage(chunk['usage']);
    if (usage !== undefined) this.usage = usage;
    const choices = Array.isArray(chunk['choices']) ? (chunk['choices'] as Record<string, unknown>[]) : [];
    if (choices.length === 0) return usage !== undefined && this.#hideUsage ? 'drop' : 'hold';
    let finished = false;
    for (const choice of choices) {
      const index = typeof choice?.['index'] === 'number' ? choice['index'] : 0;
      const ends = typeof choice?.['finish_reason'] === 'string';
      finished ||= ends;
      this.#choices.set(index, ends || this.#choices.get(index) === true);
    }
    if (choices.some(hasContent)) {
      this.tokens++;
      return 'token';
    }
    return finished ? 'pass' : 'hold';
  }
}

function isDone(data: Buffer): boolean {
  return data[0] === 0x5b && data.length < 64 && data.toString('latin1').trimEnd() === '[DONE]';
}

/** Whether a delta says more than a role and empty text. */
function hasContent(choice: Record<string, unknown>): boolean {
  if (typeof choice?.['text'] === 'string') return choice['text'] !== '';
  const delta = choice?.['delta'];
  if (typeof delta !== 'object' || delta === null) return false;
  return Object.entries(delta).some(
    ([name, value]) => name !== 'role' && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
}

/** First byte behind spaces. */
function first(data: Buffer, from: number): number | undefined {
  let at = from;
  while (data[at] === 0x20) at++;
  return data[at];
}

function isNull(data: Buffer, from: number): boolean {
  return first(data, from) === 0x6e;
}
