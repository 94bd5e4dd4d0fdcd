import { BodyReplies } from './body-replies.ts';
import { inSubset, parseEndpoints } from './endpoints.ts';
import type { EndpointList } from './endpoints.ts';
import { applyEdit, headerText, joinEdits, NO_EDIT, readMutation } from './header-edit.ts';
import type { EditRules, Header, HeaderEdit } from './header-edit.ts';
import type { CommonResponse, HeaderMutation, ImmediateResponse } from './messages.ts';
import { DESTINATION, DESTINATION_SCORES, DROPPED_REASON, LB_NAMESPACE } from './names.ts';
import { fromStruct } from './struct.ts';
import type { Json, JsonObject, Struct } from './struct.ts';
import type { EppFailure } from './failure.ts';

/** How a body is shown to the picker; ext_proc's BodySendMode. */
export type BodyMode = 'full-duplex' | 'streamed' | 'buffered' | 'none';

export interface Picked {
  readonly kind: 'picked';
  /** `ip:port`, to be tried in this order. Never empty. */
  readonly endpoints: readonly string[];
  /** Entries of the list that are no `ip:port`, or outside the subset. */
  readonly ignoredEndpoints: readonly string[];
  /** Changes for the request headers. */
  readonly headers: HeaderEdit;
  /** The body to send: the picker's, or the very original. */
  readonly body: Buffer;
  readonly bodyReplaced: boolean;
  /** By namespace. */
  readonly dynamicMetadata: JsonObject;
  /** Endpoint → score, where the picker tells. */
  readonly scores?: Readonly<Record<string, number>>;
  /** The picker failed after it had named the endpoints: the pick holds, with the original body. For the log. */
  readonly failure?: EppFailure;
}

/** The picker answers the client itself. */
export interface Immediate {
  readonly kind: 'immediate';
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: Buffer;
  readonly details: string;
  /** `x-llm-d-request-dropped-reason`. */
  readonly droppedReason?: string;
}

export type PickOutcome = Picked | Immediate;

export interface RequestSideOptions {
  readonly mode: BodyMode;
  readonly bodyExpected: boolean;
  readonly headers: readonly Header[];
  readonly subset: readonly string[] | undefined;
  /** Pseudo headers that may be set. */
  readonly pseudo: readonly string[];
  readonly maxBodyBytes: number;
}

/** What the picker has said so far about one request. */
export class RequestSide {
  mode: BodyMode;
  readonly replies: BodyReplies;
  headersReplied = false;
  readonly #bodyExpected: boolean;
  readonly #rules: EditRules;
  readonly #subset: readonly string[] | undefined;
  readonly #maxBodyBytes: number;
  #edit: HeaderEdit = NO_EDIT;
  #destination: string | undefined;
  readonly #metadata: Record<string, Json> = Object.create(null) as Record<string, Json>;
  readonly #body: Buffer[] = [];
  #bodyBytes = 0;
  #replacement: Buffer | undefined;

  constructor(options: RequestSideOptions) {
    this.mode = options.mode;
    this.#bodyExpected = options.bodyExpected;
    this.#rules = { pseudo: options.pseudo, consumed: [DESTINATION], current: options.headers };
    this.#subset = options.subset;
    this.#maxBodyBytes = options.maxBodyBytes;
    // The whole original is kept elsewhere in any case, so nothing is gained by forgetting its chunks.
    this.replies = new BodyReplies(Number.POSITIVE_INFINITY);
  }

  onHeaders(response: CommonResponse | undefined): void {
    if (this.headersReplied) throw new Error('a second reply to the request headers');
    this.headersReplied = true;
    this.#onMutation(response?.headerMutation);
    if (response?.status === 'CONTINUE_AND_REPLACE') this.#replacement = response.bodyMutation?.body ?? Buffer.alloc(0);
  }

  onBody(response: CommonResponse | undefined): void {
    // It may come before the headers' reply: lwepp answers each piece at once, and the headers when the body is whole.
    if (this.#replacement !== undefined) return;
    this.#onMutation(response?.headerMutation);
    for (const chunk of this.replies.reply(response)) {
      this.#bodyBytes += chunk.length;
      if (this.#bodyBytes > this.#maxBodyBytes) throw new Error(`a request body of more than ${this.#maxBodyBytes} bytes`);
      this.#body.push(chunk);
    }
  }

  onMetadata(struct: Struct): void {
    Object.assign(this.#metadata, fromStruct(struct));
  }

  /** Whether the picker has said all that it has to say before the request goes out. */
  get complete(): boolean {
    if (!this.headersReplied) return false;
    if (this.#replacement !== undefined || !this.#bodyExpected || this.mode === 'none') return true;
    return this.replies.complete;
  }

  /** Whether the body need not be sent any more. */
  get bodyReplaced(): boolean {
    return this.#replacement !== undefined;
  }

  /**
   * The pick: the header first, since that is what Envoy reads; both should say the same. What is outside the subset is left out:
   * pickers are known to forget the hint, or the ports in it.
   */
  endpoints(): EndpointList {
    const metadata = this.#balancing(DESTINATION);
    const list = parseEndpoints(this.#destination ?? (typeof metadata === 'string' ? metadata : ''));
    const subset = this.#subset;
    if (subset === undefined) return list;
    const endpoints = list.endpoints.filter((endpoint) => inSubset(endpoint, subset));
    return { endpoints, ignored: [...list.ignored, ...list.endpoints.filter((endpoint) => !endpoints.includes(endpoint))] };
  }

  /** @param original The body that the client sent. */
  picked(list: EndpointList, original: Buffer, failure?: EppFailure): Picked {
    const body = failure === undefined && this.complete ? this.#finalBody(original) : original;
    const scores = scoresOf(this.#balancing(DESTINATION_SCORES));
    return {
      kind: 'picked',
      endpoints: list.endpoints,
      ignoredEndpoints: list.ignored,
      headers: this.#edit,
      body,
      bodyReplaced: body !== original,
      dynamicMetadata: this.#metadata,
      ...(scores === undefined ? {} : { scores }),
      ...(failure === undefined ? {} : { failure }),
    };
  }

  #finalBody(original: Buffer): Buffer {
    if (this.#replacement !== undefined) return this.#replacement;
    if (!this.#bodyExpected || this.mode === 'none') return original;
    const body = Buffer.concat(this.#body);
    return body.equals(original) ? original : body;
  }

  #onMutation(mutation: HeaderMutation | undefined): void {
    if (mutation === undefined) return;
    this.#edit = joinEdits(this.#edit, readMutation(mutation, this.#rules));
    for (const { header } of mutation.setHeaders ?? []) {
      if (header?.key?.toLowerCase() === DESTINATION) this.#destination = headerText(header);
    }
  }

  #balancing(key: string): Json | undefined {
    const namespace = this.#metadata[LB_NAMESPACE];
    return isObject(namespace) ? namespace[key] : undefined;
  }
}

/** A status outside 200–599 becomes 500: it cannot be sent, and the picker did not mean success. */
export function readImmediate(response: ImmediateResponse): Immediate {
  const code = response.status?.code ?? 0;
  const headers = applyEdit([], readMutation(response.headers));
  const droppedReason = headers.find(([name]) => name === DROPPED_REASON)?.[1];
  return {
    kind: 'immediate',
    status: code >= 200 && code <= 599 ? code : 500,
    headers,
    body: response.body ?? Buffer.alloc(0),
    details: response.details ?? '',
    ...(droppedReason === undefined ? {} : { droppedReason }),
  };
}

function scoresOf(json: Json | undefined): Record<string, number> | undefined {
  if (!isObject(json)) return undefined;
  return Object.fromEntries(Object.entries(json).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
