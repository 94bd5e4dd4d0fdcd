import type { IncomingHttpHeaders } from 'node:http';

import type { Accepted } from '../attempt/call.ts';
import type { Edit } from '../json/edit.ts';
import type { JsonObjectScan } from '../json/scan.ts';
import type { Loss } from '../llm/codec.ts';
import type { Operation, PreparedOperation } from '../llm/operation.ts';
import { refuseLosses, sent, type Told, toldOf, type Translated } from './translated.ts';

export interface OperationTranslationOptions {
  readonly operation: Operation;
  /** As the client said it. */
  readonly request: JsonObjectScan;
  readonly model: string;
  readonly edits: readonly Edit[];
  /** Refuses what would be dropped. */
  readonly strict: boolean;
}

/** An operation that is no conversation, at a backend that has it in another form. */
export class OperationTranslation implements Translated {
  readonly to: string;
  readonly model: string;
  readonly body: Buffer;
  readonly #prepared: PreparedOperation;
  #ofAnswer: readonly Loss[] = [];

  /** @throws GatewayError TK_BAD_REQUEST, TK_UNSUPPORTED */
  constructor({ operation, request, model, edits, strict }: OperationTranslationOptions) {
    this.to = operation.name;
    this.model = model;
    this.#prepared = operation.encode(request, model);
    if (strict) refuseLosses(this.#prepared.losses, this.to);
    this.body = sent(this.#prepared.body, edits);
  }

  get verb(): string {
    return this.#prepared.verb;
  }

  get told(): Told {
    return toldOf([...this.#prepared.losses, ...this.#ofAnswer]);
  }

  accept(scan: JsonObjectScan, _id: string, headers: IncomingHttpHeaders): Accepted & { readonly body: Buffer } {
    const { body, losses, usage, model = this.model } = this.#prepared.decode(scan, headers);
    this.#ofAnswer = losses;
    return { usage, model, body: Buffer.from(JSON.stringify(body)) };
  }
}
