import { setTimeout as sleep } from 'node:timers/promises';

import { GatewayError } from '#core/errors';
import { readBody } from '#core/read/body';
import { checkCoding, checkJsonType } from '#core/read/media-type';
import type { Rule } from '#core/route/rule';
import type { OwnRequest } from '#core/serve/own';
import type { GatewayRequest } from '#core/serve/request';
import type { Families } from '#core/telemetry/metrics';

import { routeOf, type TracedCall, TracedCalls } from './calls.ts';
import { type Judgement, MOST_BYTES, readJudgement } from './judgement.ts';
import { Phoenix, PhoenixFailure } from './phoenix.ts';
import type { FeedbackSettings } from './settings.ts';

const RESULTS = ['stored', 'invalid', 'unknown', 'busy', 'late', 'unavailable', 'refused'] as const;
type Result = (typeof RESULTS)[number];

/** Feedback under way: what comes beside it is asked to come again. */
const MOST_UNDER_WAY = 64;
/** For one question to Phoenix. */
const ANSWER_MS = 2500;
/** Where nobody knows a call, it may be too new: its span is exported within a second, by another replica perhaps. Shares of the time. */
const LOOKUPS = [0, 1 / 12, 1 / 5];
const MOST_PAUSE_MS = 800;

export interface FeedbackParts {
  readonly settings: FeedbackSettings;
  readonly families: Pick<Families, 'feedback'>;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

/** What a client is told: which span has its judgement. */
export interface Stored {
  readonly request_id: string;
  readonly trace_id: string;
  readonly span_id: string;
}

interface Found {
  readonly call: TracedCall;
  readonly rule: Rule;
}

/** Takes what clients think of answers to Phoenix, and says what became of it: `stored` is said of nothing that Phoenix has not confirmed. */
export class Feedback {
  readonly #calls = new TracedCalls();
  readonly #phoenix: Phoenix;
  readonly #family: Families['feedback'];
  readonly #log: FeedbackParts['log'];
  readonly #where: string;
  readonly #patienceMs: number;
  #underWay = 0;
  #failing = false;

  constructor({ settings, families, log }: FeedbackParts) {
    this.#phoenix = new Phoenix(settings);
    this.#family = families.feedback;
    for (const result of RESULTS) this.#family.with(result);
    this.#log = log;
    this.#where = settings.url.href;
    this.#patienceMs = settings.patienceMs;
  }

  /** Remembers a request that is over, where it is traced. */
  remember(request: GatewayRequest): void {
    this.#calls.add(request);
  }

  /** Answers `POST /v1/feedback`. @throws GatewayError */
  answer = async (asked: OwnRequest): Promise<Stored> => {
    const judgement = await this.#read(asked.request);
    if (this.#underWay >= MOST_UNDER_WAY) {
      this.#count('busy');
      throw later('too much feedback is under way; nothing is stored', 1);
    }
    this.#underWay++;
    try {
      return await this.#take(asked, judgement);
    } catch (error) {
      throw this.#told(error);
    } finally {
      this.#underWay--;
    }
  };

  async #read(request: GatewayRequest): Promise<Judgement> {
    const { client } = request.listener!;
    try {
      checkCoding(request.headers);
      checkJsonType(request.headers);
      const body = await readBody(request.raw, Math.min(MOST_BYTES, client.maxBodyBytes), client.requestReceivedMs);
      request.bodyBytes = body.length;
      return readJudgement(body);
    } catch (error) {
      this.#count('invalid');
      throw error;
    }
  }

  async #take(asked: OwnRequest, judgement: Judgement): Promise<Stored> {
    const { request } = asked;
    const deadline = performance.now() + this.#patienceMs;
    const { call, rule } = await this.#found(asked, judgement.requestId, deadline);
    request.rule = rule;
    const identity = asked.callers.get(rule.security);
    if (identity !== undefined && !(identity instanceof GatewayError)) request.identity = identity;
    await this.#store(call, judgement, deadline);
    this.#count('stored');
    this.#reaches();
    return { request_id: judgement.requestId, trace_id: call.traceId, span_id: call.spanId };
  }

  /** @throws GatewayError TK_FEEDBACK_UNKNOWN: the same whether there is no such call or it is another's. @throws PhoenixFailure */
  async #found(asked: OwnRequest, requestId: string, deadline: number): Promise<Found> {
    for (const share of LOOKUPS) {
      if (share > 0) await sleep(share * this.#patienceMs);
      const found =
        (await this.#search(asked, (clientId) => this.#calls.get(requestId, clientId))) ??
        (await this.#search(asked, (clientId) => this.#phoenix.find(requestId, clientId, answerMs(deadline))));
      if (found !== undefined) return found;
    }
    this.#count('unknown');
    throw new GatewayError(
      'TK_FEEDBACK_UNKNOWN',
      'no model call of this caller with this request_id has a trace: the id is another one, the call was not sampled, or its trace has not arrived',
      { param: 'request_id' },
    );
  }

  /** The call under one of the names that the caller has to the routes of this host. */
  async #search(
    { index, callers }: OwnRequest,
    look: (clientId: string | undefined) => TracedCall | undefined | Promise<TracedCall | undefined>,
  ): Promise<Found | undefined> {
    const asked = new Set<string | undefined>();
    for (const identity of callers.values()) {
      if (identity instanceof GatewayError || asked.has(identity.clientId)) continue;
      const { clientId } = identity;
      asked.add(clientId);
      const call = await look(clientId);
      if (call === undefined) continue;
      const rule = index.rules().find((each) => {
        const admitted = callers.get(each.security);
        if (admitted === undefined || admitted instanceof GatewayError) return false;
        return admitted.clientId === clientId && routeOf(each) === call.route;
      });
      if (rule !== undefined) return { call, rule };
    }
    return undefined;
  }

  /** Stores a judgement. The span may be on its way: it is waited for. @throws GatewayError, PhoenixFailure */
  async #store({ spanId }: TracedCall, judgement: Judgement, deadline: number): Promise<void> {
    for (let pauseMs = 100; ; pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
      if (await this.#phoenix.annotate(spanId, judgement, answerMs(deadline))) return;
      if (performance.now() + pauseMs >= deadline) break;
      await sleep(pauseMs);
      // On a busy machine it sleeps longer: nobody is asked without time for an answer.
      if (performance.now() >= deadline) break;
    }
    this.#count('late');
    throw later('the trace of the call has not arrived in Phoenix; nothing is stored', 5);
  }

  /** As the client hears of it. */
  #told(error: unknown): unknown {
    if (!(error instanceof PhoenixFailure)) return error;
    const { kind, message } = error;
    this.#count(kind === 'away' ? 'unavailable' : 'refused');
    this.#fails(message);
    // Storing it twice is storing it once: an annotation of the same name and identifier is replaced.
    if (kind === 'away') return later(`${message}; whether the feedback is stored is not known, and it may be sent again`, 5);
    return new GatewayError('TK_FEEDBACK_UNAVAILABLE', `${message}; it has not taken the feedback`, { status: 502 });
  }

  #count(result: Result): void {
    this.#family.with(result).inc();
  }

  #fails(message: string): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#log('warn', `feedback does not get to ${this.#where}: ${message}`);
  }

  #reaches(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#log('info', `feedback gets to ${this.#where} again`);
  }

  close(): Promise<void> {
    return this.#phoenix.close();
  }
}

function later(message: string, seconds: number): GatewayError {
  return new GatewayError('TK_FEEDBACK_UNAVAILABLE', message, { headers: { 'retry-after': String(seconds) } });
}

function answerMs(deadline: number): number {
  return Math.min(ANSWER_MS, deadline - performance.now());
}
