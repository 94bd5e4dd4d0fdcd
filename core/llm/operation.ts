import type { IncomingHttpHeaders } from 'node:http';

import type { JsonObjectScan } from '../json/scan.ts';
import type { Encoded } from './codec.ts';
import type { Usage } from './usage.ts';

/** What a backend answered, in the words of the client's API. */
export interface OperationAnswer extends Encoded {
  readonly usage: Usage | undefined;
  /** As the backend names it, where it does. */
  readonly model?: string | undefined;
}

/** A request in the words of a backend's API, and how its answer is read. */
export interface PreparedOperation extends Encoded {
  /** What the backend's path ends with: `invoke`, `predict`, `embed`. */
  readonly verb: string;
  /** @throws UnacceptableAnswer */
  decode(answer: JsonObjectScan, headers: IncomingHttpHeaders): OperationAnswer;
}

/** An operation of a client's API that is no conversation, said in the API of a backend: one body, one answer, no stream. */
export interface Operation {
  /** The backend's API, as logs name it. */
  readonly name: string;
  /**
   * @param model what the backend calls it
   * @throws GatewayError TK_BAD_REQUEST with the path of what cannot be understood, TK_UNSUPPORTED for what the API cannot do at all
   */
  encode(body: JsonObjectScan, model: string): PreparedOperation;
}
