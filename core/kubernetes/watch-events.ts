import type { Clock } from './clock.ts';
import type { ServerStatus } from './error.ts';
import { Lines } from './lines.ts';
import type { ByteStream } from './transport.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Record<string, unknown>; readonly version: string }
  | { readonly type: 'BOOKMARK'; readonly version: string }
  | { readonly type: 'ERROR'; readonly status: ServerStatus };

export interface WatchLimits {
  readonly clock: Clock;
  /** Time without a byte after which the watch is taken for dead. */
  readonly silentMs: number;
  /** Time after which it is ended, whatever comes. */
  readonly longestMs: number;
  readonly maxLineBytes: number;
}

/** How a watch ended that did not break: the server closed it, or it has been silent or open for too long. */
export type WatchEnd = 'closed' | 'silent' | 'long';

/** A watch that does not say what a watch says. */
export class BadWatch extends Error {}

/**
 * Hands on the events of a watch, those of one chunk at a time.
 * @param take may end the watch by returning false
 * @throws KubernetesError when the connection breaks; LineTooLong, BadWatch
 */
export async function readWatch(
  stream: ByteStream,
  { clock, silentMs, longestMs, maxLineBytes }: WatchLimits,
  take: (events: readonly WatchEvent[]) => boolean,
): Promise<WatchEnd> {
  const lines = new Lines(maxLineBytes);
  let end: WatchEnd = 'closed';
  let lastByteAt = clock.now();
  const close = (why: WatchEnd) => {
    end = why;
    stream.close();
  };
  let cancelSilent: (() => void) | undefined;
  // One timer that is looked at when it ends, not one for each chunk.
  const listen = () => {
    const left = lastByteAt + silentMs - clock.now();
    if (left <= 0) close('silent');
    else cancelSilent = clock.after(left, listen);
  };
  listen();
  const cancelLong = clock.after(longestMs, () => close('long'));
  try {
    for await (const chunk of stream) {
      lastByteAt = clock.now();
      const events: WatchEvent[] = [];
      for (const line of lines.push(chunk)) events.push(parseEvent(line));
      if (events.length > 0 && !take(events)) break;
    }
  } catch (error) {
    // Closing it from here breaks it there.
    if (end === 'closed') throw error;
  } finally {
    cancelSilent?.();
    cancelLong();
    stream.close();
  }
  return end;
}

function parseEvent(line: string): WatchEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (error) {
    throw new BadWatch('a line of the watch is no JSON', { cause: error });
  }
  const { type, object } = fieldsOf(event);
  const fields = fieldsOf(object);
  if (type === 'ERROR') return { type, status: fields };
  const version = fieldsOf(fields['metadata'])['resourceVersion'];
  if (typeof version !== 'string' || version === '') throw new BadWatch('an event of the watch has no metadata.resourceVersion');
  if (type === 'BOOKMARK') return { type, version };
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object: fields, version };
  throw new BadWatch(`the watch has an event of type ${JSON.stringify(type)}`);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
