/** Bytes of a message of a server, as of an answer by HTTP. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

export interface ChannelEvents {
  /** One message, as far as the server says; it may be anything. */
  line(line: Buffer): void;
  /** Once. @param why in words that may be logged; undefined: it was stopped */
  ended(why: string | undefined): void;
}

/** A server that speaks with one client, which it does not name: a process, or a stream of the transport of 2024-11-05. */
export interface Channel {
  readonly isOver: boolean;
  /** From now on messages are read. */
  listen(events: ChannelEvents): void;
  /** @param message one JSON text */
  write(message: Buffer): void;
  /** While whoever hears its messages is slow. */
  pause(): void;
  resume(): void;
  /** Asks it to end, and sees to it. */
  stop(): Promise<void>;
}
