import type { IncomingHttpHeaders } from 'node:http';

import { type SseEvent, SseEventTooLarge, SseScanner } from '#core/http/sse';
import { JsonSyntaxError, scanObject } from '#core/json/scan';

import { restoreModel, restoreModelInEvent } from '../restore-model.ts';

/** A JSON answer is held back up to here; a larger one passes as it is. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;

/** Gives an answer the name back by which the client asked for the model. What it cannot read passes as it is; no byte is lost. */
export interface Renamer {
  /** @returns what goes on now; everything, with the last piece */
  push(chunk: Buffer, end: boolean): Buffer;
}

/** @returns undefined for an answer that is no JSON and no stream of events, or is compressed */
export function renamerFor(headers: IncomingHttpHeaders, model: string): Renamer | undefined {
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') return undefined;
  const type = headers['content-type']?.toLowerCase() ?? '';
  const name = JSON.stringify(model);
  if (type.startsWith('text/event-stream')) return new EventRenamer(name);
  return type.includes('json') ? new JsonRenamer(name) : undefined;
}

class EventRenamer implements Renamer {
  readonly #name: string;
  readonly #scanner = new SseScanner({ onEvent: (raw, event) => this.#out.push(this.#renamed(raw, event)) });
  #out: Buffer[] = [];
  #passes = false;

  /** @param name as JSON text */
  constructor(name: string) {
    this.#name = name;
  }

  push(chunk: Buffer, end: boolean): Buffer {
    if (this.#passes) return chunk;
    try {
      this.#scanner.push(chunk);
    } catch (error) {
      if (!(error instanceof SseEventTooLarge)) throw error;
      this.#passes = true;
    }
    if (end || this.#passes) {
      const { leftover } = this.#scanner.end();
      this.#out.push(leftover);
    }
    const out = this.#out;
    this.#out = [];
    return out.length === 1 ? out[0]! : Buffer.concat(out);
  }

  #renamed(raw: Buffer, event: SseEvent): Buffer {
    try {
      return restoreModelInEvent(raw, event, this.#name);
    } catch (error) {
      if (error instanceof JsonSyntaxError) return raw;
      throw error;
    }
  }
}

class JsonRenamer implements Renamer {
  readonly #name: string;
  #held: Buffer[] = [];
  #bytes = 0;

  /** @param name as JSON text */
  constructor(name: string) {
    this.#name = name;
  }

  push(chunk: Buffer, end: boolean): Buffer {
    this.#bytes += chunk.length;
    this.#held.push(chunk);
    const isTooLarge = this.#bytes > MAX_JSON_BYTES;
    if (!end && !isTooLarge) return Buffer.alloc(0);
    const body = Buffer.concat(this.#held);
    this.#held = [];
    if (isTooLarge) return body;
    try {
      return restoreModel(scanObject(body), this.#name);
    } catch (error) {
      if (error instanceof JsonSyntaxError) return body;
      throw error;
    }
  }
}
