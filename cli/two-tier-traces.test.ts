import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { until } from './real-parts.fixture.ts';
import { initialize } from '../gateway/mcp/raw-client.fixture.ts';
import { startTracedPlatform, type TracedPlatform } from './traced-platform.fixture.ts';

interface Span {
  readonly service: string;
  readonly name: string;
  /** As OTLP counts them: 2 is SERVER, 3 CLIENT. */
  readonly kind: number;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

type Wire = Pick<Span, 'name' | 'kind' | 'links' | 'traceId' | 'spanId' | 'parentSpanId'> & { readonly attributes: readonly Attribute[] };

interface Page {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Wire[] }[];
  }[];
}

function valueOf({ stringValue, intValue, doubleValue, boolValue, arrayValue }: Value): unknown {
  return stringValue ?? intValue ?? doubleValue ?? boolValue ?? arrayValue?.values.map(valueOf);
}

function attributesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

/** Spans of an export in JSON. */
function spansIn(body: string): Span[] {
  return (JSON.parse(body) as Page).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service, attributes: attributesOf(span.attributes) })));
  });
}

describe('both tiers', () => {
  const spans: Span[] = [];
  let sink: Server;
  let platform: TracedPlatform;
  beforeAll(async () => {
    sink = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        spans.push(...spansIn(Buffer.concat(chunks).toString()));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
    platform = await startTracedPlatform({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(sink.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '20',
      OPENINFERENCE_HIDE_INPUTS: 'false',
      OPENINFERENCE_HIDE_OUTPUTS: 'false',
    });
  }, 30_000);
  afterAll(async () => {
    await platform?.close();
    sink?.close();
  });

  const traceOf = (id: string, least: number) =>
    until(
      () => Promise.resolve(spans.filter(({ traceId }) => traceId === id)),
      (all) => all.length >= least,
    );

  it.each([
    ['a'.repeat(32), '/v1/chat/completions', 'ChatCompletion', { messages: [{ role: 'user', content: 'hello' }] }, false],
    ['b'.repeat(32), '/v1/chat/completions', 'ChatCompletion', { messages: [{ role: 'user', content: 'hello' }] }, true],
    ['c'.repeat(32), '/v1/completions', 'Completion', { prompt: 'hello' }, false],
    ['d'.repeat(32), '/v1/responses', 'Responses', { input: 'hello' }, true],
    ['e'.repeat(32), '/v1/embeddings', 'CreateEmbeddings', { input: 'hello' }, false],
  ] as const)('%s: one trace of %s, whose tokens are on one span', async (id, path, name, body, stream) => {
    const response = await fetch(platform.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${id}-${'1'.repeat(16)}-01` },
      body: JSON.stringify({ model: 'own', ...body, ...(stream ? { stream } : {}) }),
    });
    await response.text();
    expect(response.status).toBe(200);
    const all = await traceOf(id, 6);
    const byName = new Map(all.map((span) => [span.name, span]));
    const chain = [`attempt default/own`, `TierTwo ${name}`, 'attempt default/tier-two', name];
    for (const [index, each] of chain.entries()) {
      const parent = chain[index + 1];
      expect(byName.get(each)!.parentSpanId).toBe(parent === undefined ? '1'.repeat(16) : byName.get(parent)!.spanId);
    }
    expect(byName.get(name)!.service).toBe('ai-gateway');
    expect(byName.get('pick')!.service).toBe('ai-gateway-tier2');
    const counted = all.filter(({ attributes }) => Object.keys(attributes).some((key) => key.includes('token_count')));
    expect(counted.map((span) => span.name)).toEqual([name]);
    // What was said is told once as well.
    expect(all.filter(({ attributes }) => attributes['input.value'] !== undefined).map((span) => span.name)).toEqual([name]);
  });

  it('a call of a tool has its span, and its server’s below: linked with the one of HTTP where the message names its own', async () => {
    const session = await initialize(`${platform.url}/mcp`);
    const id = '9'.repeat(32);
    const _meta = { traceparent: `00-${id}-${'1'.repeat(16)}-01` };
    const http = { traceparent: `00-${'8'.repeat(32)}-${'2'.repeat(16)}-01` };
    expect((await session.ask('tools/call', { name: 'echo', arguments: { x: 1 }, _meta }, http)).status).toBe(200);
    const all = await traceOf(id, 2);
    expect(all.map(({ name, kind, attributes }) => [name, kind, attributes['openinference.span.kind']])).toEqual([
      ['CallTool', 2, 'TOOL'],
      ['CallTool tools', 3, 'CHAIN'],
    ]);
    const [root, call] = all;
    expect([root!.parentSpanId, call!.parentSpanId]).toEqual(['1'.repeat(16), root!.spanId]);
    expect(root!.links).toMatchObject([{ traceId: '8'.repeat(32), spanId: '2'.repeat(16) }]);
    expect(root!.attributes).toMatchObject({ 'gen_ai.tool.name': 'echo', 'input.value': '{"x":1}', 'mcp.protocol.version': '2025-11-25' });
  });

  it('an upload has its tokens and its text', async () => {
    const form = new FormData();
    form.set('model', 'm');
    form.set('file', new Blob(['RIFF']), 'a.wav');
    const id = 'f'.repeat(32);
    const response = await fetch(`${platform.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { traceparent: `00-${id}-${'1'.repeat(16)}-01` },
      body: form,
    });
    await response.text();
    const root = (await traceOf(id, 2)).find(({ name }) => name === 'Transcription')!;
    expect(root.attributes).toMatchObject({ 'llm.token_count.prompt': 9, 'llm.token_count.completion': 1 });
    expect(String(root.attributes['output.value'])).toContain('said in a recording');
  });
});
