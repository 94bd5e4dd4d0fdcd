import { UnacceptableAnswer } from '../attempt/failure.ts';
import { isObject } from '../is-object.ts';
import { Fields } from './fields.ts';

/** An answer that is not as its API has it. @param path in the answer */
export function malformed(path: string, message: string): UnacceptableAnswer {
  return new UnacceptableAnswer('malformed', `the backend’s answer: ${path === '' ? 'it' : path} ${message}`);
}

/** A stream that ended in the midst of its answer. */
export function truncated(): UnacceptableAnswer {
  return new UnacceptableAnswer('truncated', 'the stream ended before the answer');
}

/** What an event of a stream says. @throws UnacceptableAnswer */
export function eventFields(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('', 'is a stream with an event that is no JSON');
  }
  return new Fields(value, '', malformed);
}

/** What a backend says of why it failed: an object with its text, or the text alone. */
export function errorMessage(error: unknown): string {
  const message = isObject(error) ? error['message'] : error;
  return typeof message === 'string' && message !== '' ? message.slice(0, 2000) : 'the backend broke off';
}
