import { ChatAccumulator } from './accumulate/chat.ts';
import { MessagesAccumulator } from './accumulate/messages.ts';
import { ResponsesAccumulator, TranscriptAccumulator } from './accumulate/responses.ts';
import type { Fields } from './content/fields.ts';

/** Remembers what a stream says, event by event and within a bound, as the answer that would have come in one piece. */
export interface Accumulator {
  /** @param isToken the event is content, and may be left out where content is not shown */
  push(data: Buffer, isToken: boolean): void;
  /** What there is so far; undefined: nothing. */
  value(): Fields | undefined;
  /** Characters that are held. */
  readonly size: number;
  /** Whether some of it was left out for its size. */
  readonly truncated: boolean;
}

/** Characters of one answer that are remembered. */
const MOST_REMEMBERED = 256 * 1024;

/** @param content whether what is said is remembered, or only how it ended */
export function accumulatorOf(operation: string, content: boolean): Accumulator | undefined {
  switch (operation) {
    case 'chat':
    case 'completion':
      return new ChatAccumulator(content, MOST_REMEMBERED);
    case 'messages':
      return new MessagesAccumulator(content, MOST_REMEMBERED);
    case 'responses':
      return new ResponsesAccumulator(content, MOST_REMEMBERED);
    case 'transcription':
      return new TranscriptAccumulator(content, MOST_REMEMBERED);
    default:
      return undefined;
  }
}
