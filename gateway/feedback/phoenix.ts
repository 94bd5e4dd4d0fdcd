import { Pool } from 'undici';

import type { TracedCall } from './calls.ts';
import type { Judgement } from './judgement.ts';
import type { FeedbackSettings } from './settings.ts';

/** Why Phoenix did not do what it was asked: our own words, nothing of what it said. */
export class PhoenixFailure extends Error {
  override readonly name = 'PhoenixFailure';
  /** `away`: asking again may help; `refused`: it will not. */
  readonly kind: 'away' | 'refused';

  constructor(kind: 'away' | 'refused', message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** Feedback replaces feedback, and never what an evaluator or a person in Phoenix has said under the same name. */
const OWN_IDENTIFIER = 'tierkit';
/** Kinds of the spans that are model calls. */
const KINDS = ['LLM', 'EMBEDDING', 'RERANKER'];
/** A span has its messages in it, which a question for it cannot leave out: tier one's have 1 MiB of text at most. */
const MOST_ANSWER_BYTES = 8 * 1024 * 1024;
const CONNECT_MS = 2000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What is asked of Phoenix' REST API. @see https://arize.com/docs/phoenix/sdk-api-reference/rest-api/overview */
export class Phoenix {
  readonly #settings: FeedbackSettings;
  /** A look-up by attribute reads many spans: a few at a time, and never in the way of what is to be stored. */
  readonly #lookups: Pool;
  readonly #stores: Pool;

  constructor(settings: FeedbackSettings) {
    this.#settings = settings;
    const { origin } = settings.url;
    this.#lookups = new Pool(origin, { connections: 2, pipelining: 1, connect: { timeout: CONNECT_MS } });
    this.#stores = new Pool(origin, { connections: 4, pipelining: 1, connect: { timeout: CONNECT_MS } });
  }

  /**
   * Annotates a span, and waits until that is stored: with `sync=false` Phoenix takes annotations of spans that do not exist.
   * @returns false: Phoenix does not have the span, or not yet
   * @throws PhoenixFailure
   */
  async annotate(spanId: string, judgement: Judgement, withinMs: number): Promise<boolean> {
    const { status, text } = await this.#ask(
      this.#stores,
      'POST',
      '/v1/span_annotations?sync=true',
      withinMs,
      annotation(spanId, judgement),
    );
    // Another server's 404 does not name the span.
    if (status === 404 && text.includes(spanId)) return false;
    checkStatus(status);
    if (dataOf(text).length !== 1) throw new PhoenixFailure('refused', 'Phoenix answered 200 and named no annotation');
    return true;
  }

  /**
   * The last model call with this id of this client.
   * @param clientId undefined: a call of nobody known
   * @throws PhoenixFailure
   */
  async find(requestId: string, clientId: string | undefined, withinMs: number): Promise<TracedCall | undefined> {
    const { project } = this.#settings;
    const query = new URLSearchParams({ limit: '1', attribute: equals('tierkit.request_id', requestId) });
    if (clientId !== undefined) query.append('attribute', equals('tierkit.client_id', clientId));
    for (const kind of KINDS) query.append('span_kind', kind);
    const path = `/v1/projects/${encodeURIComponent(project)}/spans?${query.toString()}`;
    const { status, text } = await this.#ask(this.#lookups, 'GET', path, withinMs);
    // The project begins with its first span.
    if (status === 404 && text.includes(project)) return undefined;
    checkStatus(status);
    const call = callOf(dataOf(text)[0], requestId);
    return call?.clientId === clientId ? call : undefined;
  }

  async #ask(pool: Pool, method: 'GET' | 'POST', path: string, withinMs: number, body?: string): Promise<Answer> {
    const { url, key } = this.#settings;
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(withinMs)));
    try {
      const bearer = await key();
      const { statusCode, body: answer } = await pool.request({
        method,
        path: url.pathname.replace(/\/$/, '') + path,
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        },
        body: body ?? null,
        signal,
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > MOST_ANSWER_BYTES) throw new PhoenixFailure('refused', `Phoenix' answer has more than ${MOST_ANSWER_BYTES} bytes`);
        chunks.push(chunk);
      }
      return { status: statusCode, text: Buffer.concat(chunks).toString() };
    } catch (error) {
      if (error instanceof PhoenixFailure) throw error;
      if (signal.aborted) throw new PhoenixFailure('away', `Phoenix did not answer within ${Math.ceil(withinMs)} ms`);
      const { code } = error as { code?: string };
      throw new PhoenixFailure('away', `Phoenix could not be asked${code === undefined ? '' : ` (${code})`}`, error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#lookups.destroy(), this.#stores.destroy()]);
  }
}

/** The value is quoted: an id of digits alone would be taken for a number. */
function equals(attribute: string, value: string): string {
  return `${attribute}:${JSON.stringify(value)}`;
}

function annotation(spanId: string, judgement: Judgement): string {
  const { name, annotatorKind, score, label, explanation, identifier, metadata } = judgement;
  const head = JSON.stringify({
    span_id: spanId,
    name,
    annotator_kind: annotatorKind,
    result: { score, label, explanation },
    identifier: identifier === undefined ? OWN_IDENTIFIER : `${OWN_IDENTIFIER}:${identifier}`,
  });
  return `{"data":[${metadata === undefined ? head : `${head.slice(0, -1)},"metadata":${metadata}}`}]}`;
}

/** @throws PhoenixFailure unless Phoenix did what it was asked */
function checkStatus(status: number): void {
  if (status === 200) return;
  if (status === 401 || status === 403) throw new PhoenixFailure('refused', `Phoenix did not accept the gateway's API key (${status})`);
  throw new PhoenixFailure(status === 429 || status >= 500 ? 'away' : 'refused', `Phoenix answered ${status}`);
}

function dataOf(text: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const data = typeof parsed === 'object' && parsed !== null ? (parsed as { data?: unknown }).data : undefined;
  if (!Array.isArray(data)) throw new PhoenixFailure('refused', 'Phoenix answered 200 with something that is none of its answers');
  return data as unknown[];
}

interface PhoenixSpan {
  readonly context?: { readonly trace_id?: unknown; readonly span_id?: unknown };
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Undefined unless it is a span of ours with this id. */
function callOf(span: unknown, requestId: string): TracedCall | undefined {
  if (typeof span !== 'object' || span === null) return undefined;
  const { context, attributes } = span as PhoenixSpan;
  const traceId = context?.trace_id;
  const spanId = context?.span_id;
  const clientId = attributes?.['tierkit.client_id'];
  const route = attributes?.['tierkit.route'];
  if (attributes?.['tierkit.request_id'] !== requestId || typeof route !== 'string') return undefined;
  if (typeof traceId !== 'string' || typeof spanId !== 'string' || !/^[\da-f]{16}$/.test(spanId)) return undefined;
  return { traceId, spanId, route, clientId: typeof clientId === 'string' ? clientId : undefined };
}
