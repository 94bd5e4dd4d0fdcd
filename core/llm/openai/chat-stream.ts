import type { SseEvent } from '../../http/sse.ts';
import type { EventMeaning, StreamReader } from '../stream.ts';
import { openaiUsage, type Usage } from '../usage.ts';

const DONE = Buffer.from('[DONE]');
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
  #finished = false;
  readonly #hideUsage: boolean;

  /** @param hideUsage the client did not ask for the chunk that carries the usage alone: we did. */
  constructor(hideUsage: boolean) {
    this.#hideUsage = hideUsage;
  }

  /** A finish reason was seen: some servers leave `[DONE]` out. */
  get complete(): boolean {
    return this.#finished;
  }

  read(event: SseEvent): EventMeaning {
    const { data } = event;
    if (data === undefined) return 'hold';
    if (data.length === 6 && data.equals(DONE)) return 'end';
    if (event.type === 'error') return 'error';
    return this.#isToken(data) ? 'token' : this.#parsed(data);
  }

  /** Most chunks of most servers: content, `finish_reason: null`, at most `usage: null`. */
  #isToken(data: Buffer): boolean {
    if (this.tokens === 0) return false;
    const usage = data.indexOf(USAGE);
    if (usage !== -1 && !isNull(data, usage + USAGE.length)) return false;
    const finish = data.indexOf(FINISH);
    if (finish !== -1 && !isNull(data, finish + FINISH.length)) return false;
    if (data.includes(ERROR)) return false;
    this.tokens++;
    return true;
  }

  #parsed(data: Buffer): EventMeaning {
    let chunk: Record<string, unknown>;
    try {
      chunk = JSON.parse(data.toString()) as Record<string, unknown>;
    } catch {
      return 'error';
    }
    if (typeof chunk !== 'object' || chunk === null) return 'error';
    if (chunk['error'] !== undefined && chunk['error'] !== null) return 'error';
    if (typeof chunk['model'] === 'string') this.model ??= chunk['model'];
    const usage = openaiUsage(chunk['usage']);
    if (usage !== undefined) this.usage = usage;
    const choices = Array.isArray(chunk['choices']) ? (chunk['choices'] as Record<string, unknown>[]) : [];
    if (choices.length === 0) return usage !== undefined && this.#hideUsage ? 'drop' : 'hold';
    if (choices.some((choice) => typeof choice?.['finish_reason'] === 'string')) this.#finished = true;
    if (this.#finished || choices.some(hasContent)) {
      this.tokens++;
      return 'token';
    }
    return 'hold';
  }
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

function isNull(data: Buffer, from: number): boolean {
  let at = from;
  while (data[at] === 0x20) at++;
  return data[at] === 0x6e;
}
