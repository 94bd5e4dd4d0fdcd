// For tests: a gateway before MCP servers whose spans stay in memory.
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

import { startTracing } from '#core/telemetry/trace/tracing.fixture';

import type { startMcp, TestServer } from './mcp.fixture.ts';
import { gateway, opening } from './opening.fixture.ts';
import { idOf, result } from './scripted.fixture.ts';
import { answer, byMethod, type FakeScript, type FakeServer, response, startFake } from './upstream/fake-server.fixture.ts';

export interface TracedOptions {
  readonly env?: Record<string, string>;
  /** Further fields of the route. */
  readonly extra?: string;
  readonly options?: Parameters<typeof startMcp>[2];
}

export async function traced(servers: readonly TestServer[], { env = {}, extra = '', options = {} }: TracedOptions = {}) {
  const test = startTracing(env);
  return { ...(await gateway(servers, extra, { ...options, tracing: test.tracing })), ...test };
}

/** A server of 2026-07-28. */
export async function modernServer(name: string, methods: Readonly<Record<string, FakeScript>> = {}): Promise<FakeServer & TestServer> {
  const discovered = result({
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    ttlMs: 0,
    cacheScope: 'private',
  });
  const fake = await opening(
    startFake(
      byMethod({
        'server/discover': discovered,
        'tools/list': result({ resultType: 'complete', tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }),
        'tools/call': result({ resultType: 'complete', content: [{ type: 'text', text: name }] }),
        // A client of the other era is told to come otherwise.
        initialize: (reply, seen) =>
          answer(400, { jsonrpc: '2.0', id: idOf(seen.body), error: { code: -32601, message: 'no' } })(reply, seen),
        ...methods,
      }),
    ),
  );
  return Object.assign(fake, { name });
}

/** The requests of a method, as a server got them. */
export function seenOf({ seen }: FakeServer, method: string) {
  return seen.flatMap(({ headers, body }) => {
    const message = (body === '' ? {} : JSON.parse(body)) as { method?: string; params?: { _meta?: Record<string, unknown> } };
    return message.method === method ? [{ headers, message, body, meta: message.params?._meta }] : [];
  });
}

/** All that is told. */
export function textOf(spans: readonly ReadableSpan[]): string {
  return JSON.stringify(spans.map(({ name, attributes, events, status, links }) => ({ name, attributes, events, status, links })));
}

/** Answers with JSON-RPC's result to whatever it is asked. */
export function saying(text: string, more: object = {}): FakeScript {
  return (reply, seen) => answer(200, response(idOf(seen.body), { content: [{ type: 'text', text }], ...more }))(reply, seen);
}
