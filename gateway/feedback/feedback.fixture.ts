// For tests: a gateway that takes feedback, a backend, and a Phoenix that gets its spans when the test says so.
import { startTracing } from '#core/telemetry/trace/tracing.fixture';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from '../gateway.fixture.ts';
import { startRecorder } from '../recorder.fixture.ts';
import { type FakePhoenix, startFakePhoenix } from './phoenix.fixture.ts';

const closers: (() => unknown)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

export interface FeedbackOptions {
  /** Of tracing. */
  readonly env?: Record<string, string>;
  readonly patienceMs?: number;
  /** Resources on top of a backend and the open route `m`. */
  readonly yaml?: string;
  readonly key?: string;
  /** Another replica's Phoenix. */
  readonly phoenix?: FakePhoenix;
}

export interface Told {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: { readonly request_id?: string; readonly trace_id?: string; readonly span_id?: string; readonly error?: ToldError };
}

interface ToldError {
  readonly message: string;
  readonly code: string;
  readonly param: string | null;
}

export const keyOf = (client: string) => `canary-key-of-${client}-0123456789`;

/** API keys on a route, for these clients. */
export function keysYaml(route: string, clients: readonly string[]): string {
  return `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: ${route}}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${route}}]
  apiKeyAuth: {credentialRefs: [{name: ${route}-clients}], extractFrom: [{headers: [x-api-key]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: ${route}-clients}
stringData: {${clients.map((client) => `${client}: ${keyOf(client)}`).join(', ')}}`;
}

export const asClient = (client: string) => ({ 'x-api-key': keyOf(client) });

export async function startFeedback({ env, patienceMs = 6000, yaml = '', key, phoenix: given }: FeedbackOptions = {}) {
  const phoenix = given ?? (await startFakePhoenix());
  const upstream = await startRecorder();
  const { tracing, spans } = startTracing(env);
  const gateway = await startGateway({
    yaml: `${backendsYaml([{ name: 'a', port: upstream.port }])}\n---\n${routeYaml('m', ['a'])}${yaml}`,
    tracing,
    feedback: { url: new URL(phoenix.url), key: () => Promise.resolve(key), project: 'default', patienceMs },
  });
  closers.push(
    () => (given === undefined ? phoenix.close() : undefined),
    () => upstream.close(),
    () => gateway.close(),
  );
  const send = (path: string, body: string | object, headers: Record<string, string>) =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  let inserted = 0;
  /** Spans that were exported so far come into Phoenix. */
  const arrive = async (calls: number): Promise<void> => {
    const all = await spans(inserted + 2 * calls);
    phoenix.insert(all.slice(inserted));
    inserted = all.length;
  };
  return {
    phoenix,
    upstream,
    gateway,
    spans,
    arrive,
    /** Calls a model. @returns the id to judge the answer by */
    call: async (headers: Record<string, string> = {}, model = 'm'): Promise<string> => {
      const answer = await send('/v1/chat/completions', { model, messages: [] }, headers);
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`the call was answered with ${answer.status}`);
      return answer.headers.get('x-tierkit-request-id') ?? '';
    },
    judge: async (body: string | object, headers: Record<string, string> = {}): Promise<Told> => {
      const answer = await send('/v1/feedback', body, headers);
      return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: (await answer.json()) as Told['body'] };
    },
    counted: async (result: string) => countedAt(gateway, result),
  };
}

async function countedAt({ adminUrl }: TestGateway, result: string): Promise<number> {
  const page = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(new RegExp(`^tierkit_feedback_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(page)?.[1]);
}
