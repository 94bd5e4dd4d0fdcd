import type { StreamEvent } from './codec.ts';
import type { Usage } from './usage.ts';

/**
 * What an event of a stream means for its relay.
 * - `hold`: says nothing yet (a role, a ping); kept back until the first token, so that another backend can still answer.
 * - `token`: content. The first one commits the stream to this backend.
 * - `pass`: goes on, before or after the first token, and commits as `token` does.
 * - `drop`: not for the client.
 * - `end`: the stream's own end marker: goes on, and the answer is complete.
 * - `error`: the backend says that it failed.
 * - `malformed`: nothing that the API has.
 */
export type EventMeaning = 'hold' | 'token' | 'pass' | 'drop' | 'end' | 'error' | 'malformed';

/** Reads one stream of a dialect, event by event. */
export interface StreamReader {
  read(event: StreamEvent): EventMeaning;
  /** Whether what came so far is a whole answer, though the end marker is missing. */
  readonly complete: boolean;
  readonly usage: Usage | undefined;
  /** Model that the backend says it ran. */
  readonly model: string | undefined;
  /** Content events so far: the estimate of output tokens when the stream ends without usage. */
  readonly tokens: number;
}
