import { UnacceptableAnswer } from '../../attempt/failure.ts';
import type { EventScanner } from '../../attempt/call.ts';
import type { StreamEvent } from '../../llm/codec.ts';
import { isObject } from '../../is-object.ts';
import { type EventMessage, EventStreamBroken, EventStreamScanner } from './event-stream.ts';

type OnEvent = (raw: Buffer, event: StreamEvent) => void;

const NOTHING: Buffer = Buffer.alloc(0);

/** Reads the stream of a backend at Bedrock as if it came in Server-Sent Events. */
export function awsEvents(onEvent: OnEvent): EventScanner {
  const scanner = new EventStreamScanner((message) => {
    const event = eventOf(message);
    onEvent(Buffer.concat([Buffer.from(`event: ${event.type}\ndata: `), inOneLine(event.data), Buffer.from('\n\n')]), event);
  });
  return {
    push(chunk) {
      try {
        scanner.push(chunk);
      } catch (error) {
        if (!(error instanceof EventStreamBroken)) throw error;
        throw new UnacceptableAnswer('malformed', `the backend’s event stream: ${error.message}`);
      }
    },
    stop: () => scanner.stop(),
    end: () => ({ leftover: NOTHING, incomplete: scanner.end() }),
  };
}

/** In JSON a line end is never a part of a text. */
function inOneLine(json: Buffer): Buffer {
  return json.includes('\n') || json.includes('\r') ? Buffer.from(json.toString().replaceAll(/[\n\r]/g, ' ')) : json;
}

interface Told extends StreamEvent {
  readonly data: Buffer;
}

function eventOf({ headers, payload }: EventMessage): Told {
  const kind = headers.get(':message-type');
  if (kind === 'exception') return failure(headers.get(':exception-type') ?? 'exception', messageIn(payload));
  if (kind === 'error') return failure(headers.get(':error-code') ?? 'error', headers.get(':error-message') ?? '');
  const type = headers.get(':event-type') ?? '';
  return type === 'chunk' ? chunkOf(payload) : { type, data: payload };
}

/** What a model of another company says, wrapped by Bedrock. @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_PayloadPart.html */
function chunkOf(payload: Buffer): Told {
  const { bytes } = membersOf(payload);
  if (typeof bytes !== 'string') throw new UnacceptableAnswer('malformed', 'the backend’s event stream: a chunk has no bytes');
  const data = Buffer.from(bytes, 'base64');
  const { type } = membersOf(data);
  return { type: typeof type === 'string' && /^\w+$/.test(type) ? type : 'message', data };
}

/** As Anthropic tells an error in a stream, and as decoders of Bedrock's own events read it. */
function failure(type: string, message: string): Told {
  return { type: 'error', data: Buffer.from(JSON.stringify({ type: 'error', error: { type, message: message || type } })) };
}

function messageIn(payload: Buffer): string {
  const { message, Message } = membersOf(payload);
  return [message, Message].find((each) => typeof each === 'string') ?? '';
}

function membersOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    value = undefined;
  }
  return isObject(value) ? value : {};
}
