import type { Usage } from '../llm/usage.ts';
import { InvalidSignature, type SigningKey, signText, type VerificationKeys, verifyText } from './jws.ts';

/** Trailer, and name in the last comment of a stream, that carries the receipt from tier two to tier one. */
export const RECEIPT_NAME = 'x-tierkit-receipt';

/** What tier two says of a request that it served. */
export interface Receipt {
  /** Of the request's token. */
  readonly id: string;
  readonly model: string;
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cachedTokens: number | undefined;
  readonly source: Usage['source'] | undefined;
  /** Milliseconds in tier two's own queue. */
  readonly queueMs: number;
  /** Pod that answered. */
  readonly pod: string;
  /** Why the picker chose it, in short. */
  readonly reason: string;
}

const TYPE = 'tierkit-receipt+jwt';

export function signReceipt(receipt: Receipt, key: SigningKey): string {
  return signText(TYPE, receipt, key);
}

/** @param id of the token that the request was sent with. @throws InvalidSignature */
export function verifyReceipt(text: string, id: string, keys: VerificationKeys): Receipt {
  const claims = verifyText(TYPE, text, keys);
  if (claims['id'] !== id) throw new InvalidSignature('it is for another request');
  const number = (name: string) => (typeof claims[name] === 'number' ? claims[name] : undefined);
  const words = (name: string) => (typeof claims[name] === 'string' ? claims[name] : '');
  const source = claims['source'];
  return {
    id,
    model: words('model'),
    inputTokens: number('inputTokens'),
    outputTokens: number('outputTokens'),
    cachedTokens: number('cachedTokens'),
    source: source === 'reported' || source === 'counted' || source === 'estimated' ? source : undefined,
    queueMs: number('queueMs') ?? 0,
    pod: words('pod'),
    reason: words('reason'),
  };
}

/** The comment that ends a stream, behind its end marker: readers of events pass over it (WHATWG HTML, section 9.2.6). */
export function receiptComment(text: string): Buffer {
  return Buffer.from(`: ${RECEIPT_NAME} ${text}\n\n`);
}

/** The receipt in a block of comments, or undefined. */
export function receiptIn(block: Buffer): string | undefined {
  const mark = `: ${RECEIPT_NAME} `;
  const at = block.indexOf(mark);
  if (at === -1) return undefined;
  const end = block.indexOf(0x0a, at);
  return block.toString('latin1', at + mark.length, end === -1 ? block.length : end).trim();
}
