import type { SseEvent } from '#core/http/sse';

/** What a server says in one piece: one JSON-RPC message. */
export interface ServerMessage {
  /** One JSON object, checked; byte for byte as it came, lines of `data` joined. */
  readonly data: Buffer;
  /** Of this event, where the answer is a stream. */
  readonly eventId?: string;
  readonly retryMs?: number;
}

/** The messages of one answer, for one reader. `return()`, which leaving a `for await` calls, says that no more is wanted. */
export interface ServerMessages extends AsyncIterableIterator<ServerMessage, undefined, undefined> {
  return(): Promise<IteratorResult<ServerMessage, undefined>>;
}

/** Where a stream can be taken up again. It moves as the messages are taken, and over events that carry none. */
export interface StreamCursor {
  lastEventId: string | undefined;
  /** How long to wait before that, as the server asked for it. */
  retryMs: number | undefined;
}

/** What lies in the inbox: a message, or only a step of the cursor. */
export interface Arrived {
  readonly data: Buffer | undefined;
  readonly eventId: string | undefined;
  readonly retryMs: number | undefined;
}

/** The event as it may be kept. One of a type other than `message` is none of MCP; an empty one is there for its id. */
export function arrivedOf(event: SseEvent): Arrived | undefined {
  const { data, id: eventId, retry: retryMs } = event;
  const isMessage = data !== undefined && data.length > 0 && event.type === 'message';
  if (!isMessage && eventId === undefined && retryMs === undefined) return undefined;
  return { data: isMessage ? data : undefined, eventId, retryMs };
}

/** Bytes in the inbox from which on the server is not read further. */
const FULL_BYTES = 64 * 1024;
/** Small events weigh more than their bytes. */
const EVENT_BYTES = 128;

/** Told by the inbox. */
export interface Gate {
  /** The reader has less than a pause is worth. */
  drained(): void;
  /** The reader takes no more. */
  left(): void;
  /** The cursor moved where there was no message. */
  stepped?(cursor: Readonly<StreamCursor>): void;
}

/** Messages between the connection, which pushes, and one reader, who takes them at its own pace. */
export class Inbox {
  readonly cursor: StreamCursor = { lastEventId: undefined, retryMs: undefined };
  readonly #gate: Gate;
  #queue: Arrived[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;
  #end: Error | true | undefined;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  get full(): boolean {
    return this.#bytes >= FULL_BYTES;
  }

  push(arrived: Arrived): void {
    this.#queue.push(arrived);
    this.#bytes += weight(arrived);
    this.#wake?.();
  }

  /** @param failure what the reader gets after the messages that came before it */
  end(failure?: Error): void {
    this.#end ??= failure ?? true;
    this.#wake?.();
  }

  /** The reader itself wants no more: what is there is not worth reading any longer. */
  abort(failure: Error): void {
    this.#queue = [];
    this.#bytes = 0;
    this.#end = failure;
    this.#wake?.();
  }

  messages(): ServerMessages {
    const taken = this.#read();
    return {
      next: () => taken.next(),
      return: () => {
        this.#gate.left();
        this.end();
        return taken.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async *#read(): AsyncGenerator<ServerMessage, undefined, undefined> {
    for (;;) {
      const arrived = this.#queue.shift();
      if (arrived !== undefined) {
        const message = this.#take(arrived);
        if (message !== undefined) yield message;
      } else if (this.#end === true) return undefined;
      else if (this.#end !== undefined) throw this.#end;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #take(arrived: Arrived): ServerMessage | undefined {
    const wasFull = this.full;
    this.#bytes -= weight(arrived);
    if (wasFull && !this.full) this.#gate.drained();
    const { data, eventId, retryMs } = arrived;
    if (eventId !== undefined) this.cursor.lastEventId = eventId === '' ? undefined : eventId;
    if (retryMs !== undefined) this.cursor.retryMs = retryMs;
    if (data === undefined) {
      this.#gate.stepped?.(this.cursor);
      return undefined;
    }
    return { data, ...(eventId !== undefined && { eventId }), ...(retryMs !== undefined && { retryMs }) };
  }
}

function weight({ data }: Arrived): number {
  return EVENT_BYTES + (data?.length ?? 0);
}
