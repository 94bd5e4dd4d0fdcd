import type { Usage } from '#core/llm/usage';

/** Grows when a field changes its meaning; a new field alone does not. */
export const ROW_VERSION = 1;

/** Tokens by kind; a count that nobody knows is absent, never 0. */
export interface RowTokens {
  /** All input tokens, those of caches, audio and images included. */
  readonly input?: number | undefined;
  /** Part of input: read from the provider's cache. */
  readonly cached_input?: number | undefined;
  /** Part of input: written to the provider's cache. */
  readonly cache_creation?: number | undefined;
  /** Part of cache_creation: kept for an hour. */
  readonly cache_creation_1h?: number | undefined;
  /** Part of input. */
  readonly input_audio?: number | undefined;
  /** Part of input. */
  readonly input_image?: number | undefined;
  /** All output tokens, reasoning included. */
  readonly output?: number | undefined;
  /** Part of output. */
  readonly reasoning?: number | undefined;
  /** Part of output. */
  readonly output_audio?: number | undefined;
  readonly total?: number | undefined;
}

/** Money that a request cost. */
export interface RowCost {
  /** Whole billionths of the currency: 1,000,000,000 is 1 USD. The sum of the parts. */
  readonly nanos: number;
  /** ISO 4217 code. */
  readonly currency: string;
  /** Billionths by what was paid for, named as in a PriceTable: `input`, `cachedInput`, `output`, `perRequest`, …; `perCall` of a tool. */
  readonly parts: Readonly<Record<string, number>>;
}

/** What a budget was charged with. */
export interface RowBudget {
  readonly id: string;
  /** In the budget's own unit; money in billionths. */
  readonly units: number;
}

/** What tier two's usage receipt said. */
export interface RowReceipt {
  /** `missing`: a whole answer came without one; `invalid`: its signature does not hold. */
  readonly result: 'ok' | 'mismatch' | 'missing' | 'invalid';
  /** Input tokens of the receipt. */
  readonly input?: number | undefined;
  /** Output tokens of the receipt. */
  readonly output?: number | undefined;
}

/** One finished request to a model API, or call of a tool that has a price: all that the ledger knows of it. Ids, names from the configuration, and figures; no content. */
export interface LedgerRow {
  /** {@link ROW_VERSION} of the writer. */
  readonly v: number;
  /** When the request came: ISO 8601 in UTC, with milliseconds. */
  readonly time: string;
  readonly request_id: string;
  /** Who asked; absent where nobody had to say. */
  readonly client_id?: string | undefined;
  /** Model that was asked for, at most 256 characters. */
  readonly model?: string | undefined;
  /** Of the call of a tool, in place of a model: as the client calls it, at most 256 characters. */
  readonly tool?: string | undefined;
  /** The same as the backend calls it. */
  readonly backend_model?: string | undefined;
  /** The model that the answer names, often with a date. */
  readonly response_model?: string | undefined;
  /** `namespace/name` of the last backend that was asked; absent where none was. */
  readonly backend?: string | undefined;
  /** `namespace/name`. */
  readonly route?: string | undefined;
  /** `chat`, `embeddings`, …; `tools/call`. */
  readonly operation?: string | undefined;
  /** Whether a stream was asked for. */
  readonly stream: boolean;
  /** HTTP status that the client got; 499 when it left before there was one. */
  readonly status: number;
  /** Whether the client got a whole answer. */
  readonly complete: boolean;
  /** Whether the client left first. */
  readonly client_gone: boolean;
  /** How many backends were asked, one asked twice counted twice. */
  readonly attempts: number;
  /** Absent where nothing is known. */
  readonly tokens?: RowTokens | undefined;
  /** Where the tokens come from; `none`: there are none. */
  readonly provenance: Usage['source'] | 'none';
  /** Id of the price entry; `none`: there is no price, and the cost is absent, not 0. */
  readonly price: string;
  readonly cost?: RowCost | undefined;
  readonly budgets?: readonly RowBudget[] | undefined;
  /** Only where tier two answered, and its receipts are verified. */
  readonly receipt?: RowReceipt | undefined;
}

/** What a row takes of a request. Nothing in it leads to a header, a body or a query. */
export interface RowRequest {
  readonly id: string;
  /** In ms since 1970. */
  readonly startTime: number;
  readonly stream: boolean;
  readonly model: string | undefined;
  readonly identity: { readonly clientId: string | undefined };
  readonly endpoint: { readonly operation: string } | undefined;
  readonly rule: { readonly route: { readonly namespace: string; readonly name: string } } | undefined;
  readonly reply: { readonly status: number };
}

/** What a row takes of an outcome. */
export interface RowOutcome {
  readonly status: number;
  readonly complete: boolean;
  readonly clientGone: boolean;
  readonly attempts: readonly {
    readonly target: { readonly backend: { readonly name: string }; readonly modelOverride: string | undefined };
  }[];
  readonly facts: { readonly model: string | undefined };
}

/** What a row takes of a cost. */
export interface RowPriced {
  readonly nanos: number;
  readonly currency: string;
  /** Id of the price entry. */
  readonly entry: string;
  readonly parts: readonly { readonly kind: string; readonly nanos: number }[];
}

export interface RowFacts {
  readonly request: RowRequest;
  /** Undefined: the request was refused before any backend was asked. */
  readonly outcome: RowOutcome | undefined;
  readonly usage: Usage | undefined;
  /** Undefined: there is no price. */
  readonly cost?: RowPriced | undefined;
  readonly budgets?: readonly RowBudget[] | undefined;
  readonly receipt?: RowReceipt | undefined;
}

/** Names that come from outside end here. */
const MOST_CHARACTERS = 256;

/** The row of one request. */
export function rowOf({ request, outcome, usage, cost, budgets, receipt }: RowFacts): LedgerRow {
  const { rule, model } = request;
  const target = outcome?.attempts.at(-1)?.target;
  return {
    v: ROW_VERSION,
    time: new Date(request.startTime).toISOString(),
    request_id: request.id,
    client_id: clipped(request.identity.clientId),
    model: clipped(model),
    backend_model: target === undefined ? undefined : clipped(target.modelOverride ?? model),
    response_model: clipped(outcome?.facts.model),
    backend: target?.backend.name,
    route: rule === undefined ? undefined : `${rule.route.namespace}/${rule.route.name}`,
    operation: request.endpoint?.operation,
    stream: request.stream,
    status: outcome?.status ?? request.reply.status,
    complete: outcome?.complete ?? false,
    client_gone: outcome?.clientGone ?? false,
    attempts: outcome?.attempts.length ?? 0,
    tokens: usage === undefined ? undefined : tokensOf(usage),
    provenance: usage?.source ?? 'none',
    ...moneyOf(cost, budgets),
    receipt,
  };
}

export interface ToolRowFacts {
  readonly request: Pick<RowRequest, 'id' | 'startTime' | 'identity' | 'rule'>;
  readonly tool: string;
  /** `namespace/name` of the server's backend. */
  readonly backend: string;
  readonly status: number;
  readonly complete: boolean;
  readonly clientGone: boolean;
  /** 0: the server did not get the call. */
  readonly attempts: number;
  /** Undefined: it did not have to be paid, or its price is not known. */
  readonly cost: RowPriced | undefined;
  readonly budgets: readonly RowBudget[];
}

/** The row of one call of a tool. */
export function toolRowOf({ request, tool, backend, status, complete, clientGone, attempts, cost, budgets }: ToolRowFacts): LedgerRow {
  const { rule } = request;
  return {
    v: ROW_VERSION,
    time: new Date(request.startTime).toISOString(),
    request_id: request.id,
    client_id: clipped(request.identity.clientId),
    tool: clipped(tool),
    backend,
    route: rule === undefined ? undefined : `${rule.route.namespace}/${rule.route.name}`,
    operation: 'tools/call',
    stream: false,
    status,
    complete,
    client_gone: clientGone,
    attempts,
    provenance: 'none',
    ...moneyOf(cost, budgets),
  };
}

function moneyOf(cost: RowPriced | undefined, budgets: readonly RowBudget[] = []): Pick<LedgerRow, 'price' | 'cost' | 'budgets'> {
  return {
    price: cost?.entry ?? 'none',
    cost: cost === undefined ? undefined : { nanos: cost.nanos, currency: cost.currency, parts: partsOf(cost) },
    budgets: budgets.length === 0 ? undefined : budgets,
  };
}

function tokensOf(usage: Usage): RowTokens {
  return {
    input: usage.input,
    cached_input: usage.cachedInput,
    cache_creation: usage.cacheCreation,
    cache_creation_1h: usage.cacheCreation1h,
    input_audio: usage.inputAudio,
    input_image: usage.inputImage,
    output: usage.output,
    reasoning: usage.reasoning,
    output_audio: usage.outputAudio,
    total: usage.total,
  };
}

function partsOf({ parts }: RowPriced): Record<string, number> {
  const byKind: Record<string, number> = {};
  for (const { kind, nanos } of parts) byKind[kind] = (byKind[kind] ?? 0) + nanos;
  return byKind;
}

function clipped(text: string | undefined): string | undefined {
  return text === undefined || text.length <= MOST_CHARACTERS ? text : text.slice(0, MOST_CHARACTERS);
}
