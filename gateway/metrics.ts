import { toGatewayError } from '#core/errors';
import { type Cost, type ToolCost, Unpriced } from '#core/money/cost';
import type { GatewayRequest } from '#core/serve/request';
import type { Limits } from '#core/serve/status/feed';
import type { Families, Metrics } from '#core/telemetry/metrics';
import { errorTypeOf } from '#core/telemetry/metrics/error-type';
import type { Counter } from '#core/telemetry/metrics/instruments';

import type { Settled } from './admit/admission.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { RowReceipt } from './ledger/row.ts';

/** Series of one client, bound once. */
interface ClientSeries {
  readonly succeeded: Counter;
  readonly input: Counter;
  readonly output: Counter;
}

export interface Settlement {
  readonly request: GatewayRequest;
  readonly status: number;
  readonly settled: Settled;
  /** Backend that was asked last, and the model that it was asked for. */
  readonly backend: string | undefined;
  readonly model: string;
  readonly receipt: RowReceipt['result'] | undefined;
}

export interface ToolSettlement {
  readonly request: GatewayRequest;
  /** Of the server. */
  readonly backend: string;
  /** As the client calls it. */
  readonly tool: string;
  readonly cost: ToolCost | Unpriced;
}

const NANOS = 1_000_000_000;
/** Counts of limits and budgets that are shown. */
const MOST_COUNTS = 200;
/** A store that does not answer must not keep a scraper waiting. */
const READ_MS = 500;

/** What tier one alone measures: money, clients, receipts, budgets, the ledger. */
export class TierOneMetrics {
  readonly #metrics: Metrics;
  readonly #families: Families;
  readonly #clients = new Map<string, ClientSeries>();
  readonly #costs = new Map<string, Counter>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#families = metrics.families;
    for (const result of ['ok', 'mismatch', 'missing', 'invalid']) this.#families.receipts.with(result);
    metrics.onForget(() => {
      this.#clients.clear();
      this.#costs.clear();
    });
  }

  /** Shows the ledger's rows. */
  watchLedger(ledger: Ledger): void {
    const written = this.#families.ledgerRows.with('written');
    const lost = this.#families.ledgerRows.with('lost');
    this.#metrics.onCollect(() => {
      written.value = ledger.written;
      lost.value = ledger.lost;
    });
  }

  /** Shows how the counts stand that requests lately went to: budgets first, then limits, a bounded number. */
  watchBudgets(read: (filter: string, most: number) => Promise<Limits>): void {
    const { budgetsUnread } = this.#families;
    this.#metrics.onCollect(async () => {
      try {
        const counts = await within(READ_MS, readCounts(read));
        this.#showBudgets(counts);
      } catch {
        budgetsUnread.with().inc();
      }
    });
  }

  #showBudgets(counts: Limits['counts']): void {
    const { budgetLimit, budgetUsed, budgetRemaining } = this.#families;
    for (const family of [budgetLimit, budgetUsed, budgetRemaining]) family.clear();
    for (const { name, subject, unit, scale, limit, used, remaining } of counts) {
      budgetLimit.with(name, subject, unit).set(limit / scale);
      budgetUsed.with(name, subject, unit).set(used / scale);
      budgetRemaining.with(name, subject, unit).set(remaining / scale);
    }
  }

  /** A request to a model API was not admitted. */
  refused({ identity: { clientId } }: GatewayRequest, error: unknown): void {
    const { code, status } = toGatewayError(error);
    const client = clientId === undefined ? 'anonymous' : this.#metrics.clients.of(clientId, performance.now());
    const errorType = errorTypeOf({ status, errorCode: code, outcome: undefined });
    if (errorType !== undefined) this.#families.clientRequests.with(client, errorType).inc();
  }

  /** A request to a model API has ended. */
  settled({ request, status, settled, backend, model, receipt }: Settlement): void {
    const now = performance.now();
    const { clients } = this.#metrics;
    const { clientId } = request.identity;
    const client = clientId === undefined ? 'anonymous' : clients.of(clientId, now);
    const series = this.#clients.get(client) ?? this.#bind(client);
    const errorType = errorTypeOf({ status, errorCode: request.errorCode, outcome: request.outcome });
    if (errorType === undefined) series.succeeded.inc();
    else this.#families.clientRequests.with(client, errorType).inc();
    const { usage, cost } = settled;
    if (usage?.input !== undefined) series.input.inc(usage.input);
    if (usage?.output !== undefined) series.output.inc(usage.output);
    if (receipt !== undefined) this.#families.receipts.with(receipt).inc();
    if (cost === undefined || backend === undefined) return;
    if (cost instanceof Unpriced) {
      this.#families.unpriced.with(backend).inc();
      return;
    }
    this.#paid(request, cost, backend, model);
  }

  /** A call of a tool has to be paid: told where the cost of models is told, with the tool in place of the model. */
  toolSettled({ request, backend, tool, cost }: ToolSettlement): void {
    if (cost instanceof Unpriced) {
      this.#families.unpriced.with(backend).inc();
      return;
    }
    this.#paid(request, cost, backend, tool);
  }

  #paid(
    { identity: { clientId } }: GatewayRequest,
    { nanos, currency }: Pick<Cost, 'nanos' | 'currency'>,
    backend: string,
    model: string,
  ): void {
    const now = performance.now();
    const { clients, models } = this.#metrics;
    const client = clientId === undefined ? 'anonymous' : clients.of(clientId, now);
    this.#costOf(currency, backend, models.of(model, now)).inc(nanos / NANOS);
    this.#families.clientCost.with(currency, client).inc(nanos / NANOS);
  }

  #costOf(currency: string, backend: string, model: string): Counter {
    const key = `${currency} ${backend} ${model}`;
    let counter = this.#costs.get(key);
    if (counter === undefined) {
      if (this.#costs.size >= 1000) this.#costs.clear();
      counter = this.#families.cost.with(currency, backend, model);
      this.#costs.set(key, counter);
    }
    return counter;
  }

  #bind(client: string): ClientSeries {
    const { clientRequests, clientTokens } = this.#families;
    const series = {
      succeeded: clientRequests.with(client, ''),
      input: clientTokens.with(client, 'input'),
      output: clientTokens.with(client, 'output'),
    };
    if (this.#clients.size >= 1000) this.#clients.clear();
    this.#clients.set(client, series);
    return series;
  }
}

async function readCounts(read: (filter: string, most: number) => Promise<Limits>): Promise<Limits['counts']> {
  const budgets = await read('Budget ', MOST_COUNTS);
  if (budgets.counts.length >= MOST_COUNTS) return budgets.counts;
  const known = new Set(budgets.counts.map(({ name, subject }) => `${name}\n${subject}`));
  const { counts } = await read('', MOST_COUNTS);
  return [...budgets.counts, ...counts.filter(({ name, subject }) => !known.has(`${name}\n${subject}`))].slice(0, MOST_COUNTS);
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
