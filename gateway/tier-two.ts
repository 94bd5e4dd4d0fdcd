import type { IncomingHttpHeaders } from 'node:http';

import type { StreamEvent } from '#core/llm/codec';
import type { JsonObjectScan } from '#core/json/scan';
import type { Facts } from '#core/attempt/call';
import type { Usage } from '#core/llm/usage';
import type { AnswerEditor } from '#core/serve/ai';
import { InvalidSignature } from '#core/tiers/jws';
import type { TierKeys } from '#core/tiers/keys';
import { type Receipt, receiptIn, RECEIPT_NAME, verifyReceipt } from '#core/tiers/receipt';
import { type RequestClaims, signRequest } from '#core/tiers/request-token';

/** What tier one tells a tier two, and hears from it. */
export class TierTwoLink {
  readonly #keys: TierKeys;

  constructor(keys: TierKeys) {
    this.#keys = keys;
  }

  /** @returns undefined without a signing key: then tier two goes by the API key that it is called with */
  sign(claims: RequestClaims, audience: string): string | undefined {
    const { signing } = this.#keys;
    return signing === undefined ? undefined : signRequest(claims, audience, signing, Date.now());
  }

  /** Reads the receipt for one attempt; undefined without tier two's public keys. */
  receipts(id: string): ReceiptReader | undefined {
    const { peers } = this.#keys;
    return peers === undefined ? undefined : new ReceiptReader((text) => verifyReceipt(text, id, peers));
  }
}

/** Takes tier two's receipt out of an answer, and compares it with the usage that the answer itself reports. */
export class ReceiptReader implements AnswerEditor {
  readonly #verify: (text: string) => Receipt;
  #text: string | undefined;

  constructor(verify: (text: string) => Receipt) {
    this.#verify = verify;
  }

  readonly event = (raw: Buffer, event: StreamEvent): Buffer | undefined => {
    if (event.data !== undefined) return raw;
    const text = receiptIn(raw);
    if (text === undefined) return raw;
    this.#text = text;
    return undefined;
  };

  readonly whole = (_scan: JsonObjectScan, _facts: Facts, headers: IncomingHttpHeaders): object => {
    const text = headers[RECEIPT_NAME];
    if (typeof text === 'string') this.#text = text;
    return {};
  };

  /** Fields of the access log. @param complete an answer that broke off has no receipt */
  compare(usage: Usage | undefined, complete: boolean): Readonly<Record<string, unknown>> | undefined {
    if (this.#text === undefined) return complete ? { tier_two_receipt: 'missing' } : undefined;
    let receipt: Receipt;
    try {
      receipt = this.#verify(this.#text);
    } catch (error) {
      if (error instanceof InvalidSignature) return { tier_two_receipt: 'invalid', tier_two_receipt_fault: error.message };
      throw error;
    }
    const { pod, reason, queueMs, cachedTokens, inputTokens, outputTokens } = receipt;
    const same = inputTokens === usage?.input && outputTokens === usage?.output;
    return {
      tier_two_receipt: same ? 'ok' : 'mismatch',
      tier_two_pod: pod,
      tier_two_pick: reason,
      tier_two_queue_ms: queueMs,
      tier_two_cached_tokens: cachedTokens,
      ...(same ? {} : { tier_two_tokens_input: inputTokens, tier_two_tokens_output: outputTokens }),
    };
  }
}
