import { GatewayError } from '#core/errors';
import { editObject } from '#core/json/edit';
import type { Usage } from '#core/llm/usage';
import { errorBody } from '#core/llm/dialect';
import type { EndpointTable } from '#core/read/endpoints';
import type { Configuration } from '#core/serve/configuration';
import type { Metrics } from '#core/telemetry/metrics';
import { errorTypeOf } from '#core/telemetry/metrics/error-type';

import type { Header } from '../epp/header-edit.ts';
import type { PickAnswer, PickRequest } from '../epp/served-pick.ts';
import { PoolRequestMetrics } from '../metrics/request-series.ts';
import { PodPicking } from '../pick/pod-picking.ts';
import type { ServedPool } from '../pick/served-pool.ts';
import { ANYBODY, subjectFor } from '../pick/subject.ts';
import { inSubset, type RankedEndpoint } from '../picker/policy.ts';
import { type Asked, readAsked } from './asked.ts';
import { Passage } from './passage.ts';

export interface ServicePickerOptions {
  /** In service at this moment. */
  readonly pool: () => ServedPool;
  readonly configuration: Pick<Configuration, 'hold'>;
  readonly endpoints: EndpointTable;
  readonly metrics: Metrics;
  /** Endpoints that a gateway is told, at most. */
  readonly maxEndpoints: number;
  readonly scores: boolean;
}

/** Called once, when nothing more is heard of a request. */
type Over = (status: number, usage?: Usage) => void;
type Chosen = Exclude<PickAnswer, { immediate: unknown }>;

interface Measured {
  readonly status: number;
  readonly usage: Usage | undefined;
  readonly durationMs: number;
}

/** Our picker and its queue, for the gateways that ask over the Endpoint Picker Protocol. */
export class ServicePicker {
  readonly #options: ServicePickerOptions;
  readonly #requests: PoolRequestMetrics;

  constructor(options: ServicePickerOptions) {
    this.#options = options;
    this.#requests = new PoolRequestMetrics(options.metrics);
  }

  async pick(request: PickRequest): Promise<PickAnswer> {
    const { configuration, endpoints, metrics } = this.#options;
    const pool = this.#options.pool();
    const release = configuration.hold();
    const startedAt = performance.now();
    const asked = readAsked(request, endpoints);
    const inFlight = metrics.families.inFlight.with();
    inFlight.inc();
    const over: Over = (told, usage) => {
      const status = told >= 100 && told <= 599 ? told : 0;
      const operation = asked.endpoint?.operation ?? 'http';
      inFlight.dec();
      metrics.families.requests
        .with(operation, String(status), errorTypeOf({ status, errorCode: undefined, outcome: undefined }) ?? '')
        .inc();
      metrics.families.duration.with(operation).observe((performance.now() - startedAt) / 1000);
      if (asked.isWork) this.#measure(asked, pool, { status, usage, durationMs: performance.now() - startedAt });
      release();
    };
    try {
      const picked = asked.isWork ? await this.#pickFor(asked, request, pool, over) : anyOf(request, pool, over);
      return asked.hasId ? picked : { ...picked, setHeaders: [['x-request-id', asked.id]] };
    } catch (error) {
      if (!(error instanceof GatewayError)) {
        over(request.signal.aborted ? 499 : 500);
        throw error;
      }
      over(error.status);
      return { immediate: answerOf(error, asked) };
    }
  }

  #measure({ model = '', streaming }: Asked, pool: ServedPool, { status, usage, durationMs }: Measured): void {
    this.#requests.record({
      model,
      target: pool.rules.rewrite(model) ?? model,
      tenant: ANYBODY,
      priority: 0,
      streaming,
      durationMs,
      firstTokenMs: undefined,
      usage,
      errorType: status === 499 ? 'client_gone' : errorTypeOf({ status, errorCode: undefined, outcome: undefined }),
    });
  }

  async #pickFor(asked: Asked, request: PickRequest, pool: ServedPool, over: Over): Promise<Chosen> {
    const { maxEndpoints, scores } = this.#options;
    const { scan, model } = asked;
    const renamed = model === undefined ? undefined : pool.rules.rewrite(model);
    const asking = { ...asked, tenant: ANYBODY, priority: undefined, deadlineMs: undefined, trusted: true };
    const subject = subjectFor(asking, pool, renamed ?? model ?? '', undefined);
    const { subset, signal } = request;
    const picking = new PodPicking(pool, subset === undefined ? subject : { ...subject, pick: { ...subject.pick, subset } });
    await picking.next(() => signal);
    const given = picking.order.slice(0, maxEndpoints);
    const isRenamed = renamed !== undefined && renamed !== model;
    const restore = isRenamed && request.answer === 'FULL_DUPLEX_STREAMED' ? model : undefined;
    return {
      endpoints: given,
      ...(scores ? { scores: scoresOf(picking.ranked, given) } : {}),
      ...(isRenamed ? { body: editObject(scan!, [{ set: 'model', value: JSON.stringify(renamed) }]) } : {}),
      watch: new Passage({ asked, picking, given, inputTokens: subject.pick.inputTokens, restore, over }),
    };
  }
}

/** Questions such as `GET /v1/models`: no load worth counting, and any pod that is ready has the answer. */
function anyOf({ subset }: PickRequest, pool: ServedPool, over: (status: number) => void): Chosen {
  const candidates = pool.service.pool.candidates(Date.now()).filter(({ endpoint }) => inSubset(endpoint.id, subset));
  const chosen = candidates[Math.floor(Math.random() * candidates.length)];
  if (chosen === undefined)
    throw new GatewayError('TK_NO_BACKEND', `pool ${pool.name} has no endpoint that is ready`, { headers: { 'retry-after': '1' } });
  let status = 0;
  return {
    endpoints: [chosen.endpoint.id],
    watch: { head: (info) => void (status = info.status), end: (how) => over(how === 'complete' ? status : 499) },
  };
}

/** Higher is better, as everywhere in the protocol: 1 for the best, ½ for one that is thought to cost a second more. */
function scoresOf(ranked: readonly RankedEndpoint[], given: readonly string[]): Record<string, number> {
  const best = ranked[0]?.score ?? 0;
  const costs = new Map(ranked.map(({ id, score }) => [id, score]));
  return Object.fromEntries(given.map((id) => [id, 1 / (1 + Math.max(0, (costs.get(id) ?? Number.POSITIVE_INFINITY) - best) / 1000)]));
}

function answerOf(error: GatewayError, { id, endpoint }: Asked): { status: number; body: Buffer; headers: Header[] } {
  const headers: Header[] = [
    ['content-type', 'application/json'],
    ['x-request-id', id],
  ];
  for (const [name, value] of Object.entries(error.headers ?? {})) headers.push([name, value]);
  return { status: error.status, body: errorBody(endpoint?.dialect ?? 'openai', error, id), headers };
}
