// For tests: what a scripted MCP server answers to the methods of a session.
import { accepted, answer, type FakeScript, type FakeServer, response, startFake } from './upstream/fake-server.fixture.ts';

export interface Scripted extends FakeServer {
  readonly name: string;
  /** JSON-RPC messages that it got, with the method. */
  of(method: string): readonly { readonly headers: Readonly<Record<string, unknown>>; readonly message: Record<string, unknown> }[];
}

/** Answers the request that it gets with this result. */
export function result(body: object): FakeScript {
  return (reply, seen) => answer(200, response(idOf(seen.body), body))(reply, seen);
}

export function idOf(body: string): number {
  return (JSON.parse(body) as { id: number }).id;
}

/** Opens sessions `NAME-1`, `NAME-2`, …; knows only those that were not forgotten. */
export async function scripted(
  name: string,
  methods: Readonly<Record<string, FakeScript>> = {},
  capabilities: object = { tools: { listChanged: true }, resources: { subscribe: true }, prompts: {}, logging: {} },
): Promise<Scripted & { forget(): void; readonly sessions: ReadonlySet<string> }> {
  const sessions = new Set<string>();
  let opened = 0;
  const own: Readonly<Record<string, FakeScript>> = {
    initialize: (reply, seen) => {
      const id = `${name}-${++opened}`;
      sessions.add(id);
      const hello = { protocolVersion: '2025-11-25', capabilities, serverInfo: { name, version: '1' } };
      return answer(200, response(idOf(seen.body), hello), { 'mcp-session-id': id })(reply, seen);
    },
    'notifications/initialized': accepted,
    GET: answer(405),
    DELETE: (reply, seen) => {
      sessions.delete(seen.headers['mcp-session-id'] as string);
      return answer(200)(reply, seen);
    },
    'tools/list': result({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }),
    'tools/call': result({ content: [{ type: 'text', text: name }] }),
    ...methods,
  };
  const fake = await startFake((reply, seen) => {
    const message = seen.body === '' ? undefined : (JSON.parse(seen.body) as { method?: string });
    const method = message === undefined ? seen.method : (message.method ?? 'response');
    const session = seen.headers['mcp-session-id'] as string | undefined;
    if (method !== 'initialize' && (session === undefined || !sessions.has(session))) return answer(404)(reply, seen);
    return (own[method] ?? (message !== undefined && !('id' in message) ? accepted : method === 'response' ? accepted : answer(404)))(
      reply,
      seen,
    );
  });
  return {
    name,
    port: fake.port,
    seen: fake.seen,
    get connections() {
      return fake.connections;
    },
    script: (...next) => fake.script(...next),
    close: () => fake.close(),
    sessions,
    forget: () => sessions.clear(),
    of: (method) =>
      fake.seen.flatMap(({ body, headers }) => {
        const message = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
        return message['method'] === method ? [{ headers, message }] : [];
      }),
  };
}
