import type { StreamEvent } from '../codec.ts';
import type { EventMeaning, StreamReader } from '../stream.ts';
import { anthropicUsage, type Usage } from '../usage.ts';

/**
 * Stream of POST /v1/messages: message_start, content blocks, message_delta with the final usage, message_stop.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
export class MessagesStreamReader implements StreamReader {
  usage: Usage | undefined;
  model: string | undefined;
  tokens = 0;
  /** Only message_stop ends a message. */
  complete = false;
  #begun = false;

  read(event: StreamEvent): EventMeaning {
    const { data, type } = event;
    if (data === undefined || type === 'ping') return 'hold';
    if (type === 'error') return 'error';
    if (type === 'message_start') this.#begun = true;
    else if (!this.#begun) return 'malformed';
    if (type === 'content_block_delta') {
      this.tokens++;
      return 'token';
    }
    if (type === 'message_stop') {
      this.complete = true;
      return 'end';
    }
    // The head of a block; servers send it before they know whether they have a token.
    if (type === 'content_block_start') return 'hold';
    if (type !== 'message_start' && type !== 'message_delta') return 'pass';
    try {
      const parsed = JSON.parse(data.toString()) as { message?: { model?: unknown; usage?: unknown }; usage?: unknown };
      if (typeof parsed.message?.model === 'string') this.model = parsed.message.model;
      this.usage = anthropicUsage(parsed.message?.usage ?? parsed.usage, this.usage);
    } catch {
      return 'malformed';
    }
    return type === 'message_start' ? 'hold' : 'pass';
  }
}
