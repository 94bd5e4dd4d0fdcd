import type { StreamEvent } from '../../llm/codec.ts';
import type { EventMeaning, StreamReader } from '../../llm/stream.ts';
import type { Usage } from '../../llm/usage.ts';
import type { Accumulator } from './accumulate.ts';

/** Reads a stream as another reader does, and lets what it says be remembered. */
export class RecordingReader implements StreamReader {
  readonly #reader: StreamReader;
  readonly #accumulator: Accumulator;

  constructor(reader: StreamReader, accumulator: Accumulator) {
    this.#reader = reader;
    this.#accumulator = accumulator;
  }

  read(event: StreamEvent): EventMeaning {
    const meaning = this.#reader.read(event);
    const { data } = event;
    if (data !== undefined && meaning !== 'malformed' && meaning !== 'error' && meaning !== 'drop') {
      this.#accumulator.push(data, meaning === 'token');
    }
    return meaning;
  }

  get complete(): boolean {
    return this.#reader.complete;
  }

  get usage(): Usage | undefined {
    return this.#reader.usage;
  }

  get model(): string | undefined {
    return this.#reader.model;
  }

  get tokens(): number {
    return this.#reader.tokens;
  }
}
