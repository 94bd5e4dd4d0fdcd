// For tests: Phoenix' REST API as far as feedback needs it, by the rules that Phoenix 20.26 was seen to have.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { ReadableSpan } from '@opentelemetry/sdk-trace';

export interface Annotation {
  readonly span_id: string;
  readonly name: string;
  readonly annotator_kind: string;
  readonly result?: Readonly<Record<string, unknown>> | null;
  readonly metadata?: unknown;
  readonly identifier?: string;
}

export interface FakePhoenix {
  readonly url: string;
  /** Stored annotations, in the order of their first storing. */
  readonly annotations: readonly Annotation[];
  /** All questions, answered or not. */
  readonly asked: { readonly line: string; readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** What is answered instead, where it returns true. */
  instead: (response: ServerResponse, method: string) => boolean;
  /** The API key that is asked for. */
  key: string | undefined;
  /** Inserts spans, as a trace export does in the end. */
  insert(spans: readonly ReadableSpan[], project?: string): void;
  close(): Promise<void>;
}

interface Stored {
  readonly project: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly kind: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

const KINDS = new Set(['LLM', 'CODE', 'HUMAN']);

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export async function startFakePhoenix(): Promise<FakePhoenix> {
  const spans: Stored[] = [];
  const annotations = new Map<string, Annotation>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const body = Buffer.concat(chunks).toString();
      phoenix.asked.push({ line: `${method} ${url}`, headers, body });
      if (phoenix.instead(response, method)) return;
      try {
        if (phoenix.key !== undefined && headers.authorization !== `Bearer ${phoenix.key}`) throw new Refusal(401, 'Invalid token');
        const { pathname, searchParams } = new URL(url, 'http://phoenix');
        const data = method === 'POST' ? annotate(pathname, searchParams, body) : search(pathname, searchParams);
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
      } catch (error) {
        const [status, message] = error instanceof Refusal ? [error.status, error.message] : [500, String(error)];
        response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(message);
      }
    });
  });

  function annotate(path: string, params: URLSearchParams, text: string): object[] {
    if (path !== '/v1/span_annotations') throw new Refusal(404, 'Not Found');
    const { data } = JSON.parse(text) as { data: Annotation[] };
    if (data.some(({ name }) => name === 'note')) throw new Refusal(400, "The name 'note' is reserved");
    for (const each of data) {
      if (!KINDS.has(each.annotator_kind)) throw new Refusal(422, JSON.stringify({ detail: [{ input: each.annotator_kind }] }));
      if (each.metadata !== undefined && (typeof each.metadata !== 'object' || Array.isArray(each.metadata)))
        throw new Refusal(422, JSON.stringify({ detail: [{ input: each.metadata }] }));
      if (!JSON.stringify(each.result).isWellFormed()) throw new Refusal(500, 'Internal Server Error');
    }
    if (params.get('sync') !== 'true') return [];
    const missing = data.filter(({ span_id }) => !spans.some(({ spanId }) => spanId === span_id)).map(({ span_id }) => span_id);
    if (missing.length > 0) throw new Refusal(404, `Spans with IDs ${missing.join(', ')} do not exist.`);
    return data.map((each) => {
      const key = JSON.stringify([each.span_id, each.name, each.identifier ?? '']);
      annotations.set(key, each);
      return { id: Buffer.from(key).toString('base64') };
    });
  }

  function search(path: string, params: URLSearchParams): object[] {
    const project = decodeURIComponent(/^\/v1\/projects\/([^/]+)\/spans$/.exec(path)?.[1] ?? '');
    if (project !== 'default' && !spans.some((span) => span.project === project))
      throw new Refusal(404, `Project with name ${project} not found`);
    const wanted = params.getAll('attribute').map((filter) => {
      const at = filter.indexOf(':');
      return [filter.slice(0, at), jsonOr(filter.slice(at + 1))] as const;
    });
    const kinds = params.getAll('span_kind');
    return spans
      .filter((span) => span.project === project && (kinds.length === 0 || kinds.includes(span.kind)))
      .filter(({ attributes }) => wanted.every(([name, value]) => attributes[name] === value))
      .reverse()
      .slice(0, Number(params.get('limit') ?? 100))
      .map(({ traceId, spanId, kind, attributes }) => ({
        context: { trace_id: traceId, span_id: spanId },
        span_kind: kind,
        attributes,
      }));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const phoenix: FakePhoenix = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get annotations() {
      return [...annotations.values()];
    },
    asked: [],
    instead: () => false,
    key: undefined,
    insert(more, project = 'default') {
      for (const span of more) {
        const { traceId, spanId } = span.spanContext();
        const { 'openinference.span.kind': kind = 'UNKNOWN', ...attributes } = span.attributes;
        spans.push({ project, traceId, spanId, kind: String(kind), attributes });
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return phoenix;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
