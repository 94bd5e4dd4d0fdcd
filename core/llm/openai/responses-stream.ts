import type { StreamEvent } from '../codec.ts';
import type { EventMeaning, StreamReader } from '../stream.ts';
import { openaiUsage, type Usage } from '../usage.ts';

const PREAMBLE = new Set(['response.created', 'response.in_progress', 'response.queued']);
const END = new Set(['response.completed', 'response.incomplete']);
const TYPE = /"type"\s*:\s*"([a-z_.]+)"/;

/**
 * Stream of POST /v1/responses: typed events, ended by response.completed, .incomplete or .failed.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */
export class ResponsesStreamReader implements StreamReader {
  usage: Usage | undefined;
  model: string | undefined;
  tokens = 0;
  complete = false;

  read(event: StreamEvent): EventMeaning {
    const { data } = event;
    if (data === undefined) return 'hold';
    // The type comes first in the data too, for readers that do not look at the event field.
    const type = event.type === 'message' ? (TYPE.exec(data.toString('latin1', 0, 200))?.[1] ?? '') : event.type;
    if (PREAMBLE.has(type)) return 'hold';
    if (type === 'error' || type === 'response.failed') {
      this.#response(data);
      return 'error';
    }
    if (END.has(type)) {
      this.complete = true;
      return this.#response(data) ? 'end' : 'malformed';
    }
    // Some servers end with [DONE] as chat completions do.
    if (data.length === 6 && data.toString() === '[DONE]') return this.complete ? 'end' : 'hold';
    if (type.endsWith('.delta')) {
      this.tokens++;
      return 'token';
    }
    if (type === '') return 'malformed';
    // Heads of items and parts that have nothing in them yet; keep-alives.
    return type.endsWith('.added') || !type.startsWith('response.') ? 'hold' : 'pass';
  }

  #response(data: Buffer): boolean {
    try {
      const event = JSON.parse(data.toString()) as { response?: { model?: unknown; usage?: unknown } };
      if (typeof event.response?.model === 'string') this.model = event.response.model;
      this.usage = openaiUsage(event.response?.usage) ?? this.usage;
      return true;
    } catch {
      return false;
    }
  }
}

/**
 * Streams of POST /v1/audio/speech and /v1/audio/transcriptions: typed events, ended by speech.audio.done or transcript.text.done.
 * @see https://platform.openai.com/docs/api-reference/audio
 */
export class AudioStreamReader implements StreamReader {
  usage: Usage | undefined;
  readonly model = undefined;
  tokens = 0;
  complete = false;

  read(event: StreamEvent): EventMeaning {
    const { data } = event;
    if (data === undefined) return 'hold';
    if (data.length === 6 && data.toString() === '[DONE]') return this.complete ? 'end' : 'hold';
    const type = TYPE.exec(data.toString('latin1', 0, 200))?.[1] ?? event.type;
    if (type === 'error') return 'error';
    this.tokens++;
    if (type !== 'speech.audio.done' && type !== 'transcript.text.done') return 'token';
    this.complete = true;
    try {
      this.usage = openaiUsage((JSON.parse(data.toString()) as { usage?: unknown }).usage);
    } catch {
      return 'malformed';
    }
    return 'pass';
  }
}
