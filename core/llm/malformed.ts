import { UnacceptableAnswer } from '../attempt/failure.ts';

/** An answer that is not as its API has it. @param path in the answer */
export function malformed(path: string, message: string): UnacceptableAnswer {
  return new UnacceptableAnswer('malformed', `the backend’s answer: ${path === '' ? 'it' : path} ${message}`);
}
