import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { partPath } from '#core/real-part.fixture';

import { type RealPart, startPhoenix, until } from './real-parts.fixture.ts';
import { startTracedPlatform, type TracedPlatform } from './traced-platform.fixture.ts';

const PHOENIX = partPath('TIERKIT_PHOENIX', 'phoenix');
if (PHOENIX === undefined)
  console.warn('skipped: feedback in the real Phoenix. Put "phoenix" on PATH, or name it in TIERKIT_PHOENIX (pip install arize-phoenix)');

const KEY = 'canary-key-of-phoenix';
const SAID = { score: 0.25, label: 'wrong canary', explanation: 'canary: it was Tuesday' };

interface Annotation {
  readonly span_id: string;
  readonly name: string;
  readonly annotator_kind: string;
  readonly result: object;
  readonly metadata: object;
  readonly identifier: string;
}

describe.skipIf(PHOENIX === undefined && process.env['REQUIRE_REAL'] !== '1').each(['openinference', 'gen_ai'])(
  'feedback in the real Phoenix, of spans by the %s convention',
  (convention) => {
    let phoenix: RealPart;
    let platform: TracedPlatform;
    let replica: TracedPlatform;
    beforeAll(async () => {
      if (PHOENIX === undefined) throw new Error('REQUIRE_REAL is set, and TIERKIT_PHOENIX names nothing');
      phoenix = await startPhoenix(PHOENIX);
      const env = {
        AI_GATEWAY_TRACING_SEMCONV: convention,
        OTEL_EXPORTER_OTLP_ENDPOINT: phoenix.otlp,
        OTEL_RESOURCE_ATTRIBUTES: 'openinference.project.name=shop',
        TIERKIT_FEEDBACK_URL: phoenix.url,
        PHOENIX_API_KEY: KEY,
      };
      [platform, replica] = await Promise.all([startTracedPlatform(env), startTracedPlatform(env)]);
    }, 120_000);
    afterAll(async () => {
      await Promise.all([platform?.close(), replica?.close()]);
      await phoenix?.close();
    });

    const post = (path: string, body: object, url = platform.url) =>
      fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const chat = async (model: string): Promise<string> => {
      const answer = await post('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'which day is it?' }] });
      await answer.text();
      return answer.headers.get('x-tierkit-request-id')!;
    };
    const annotationsOf = async (spanId: string): Promise<Annotation[]> => {
      const answer = await fetch(`${phoenix.url}/v1/projects/shop/span_annotations?span_ids=${spanId}`);
      return ((await answer.json()) as { data: Annotation[] }).data;
    };

    it.each(['m', 'own'])(
      'is on the span of the model call right after the call of %s, and said again it replaces itself',
      async (model) => {
        const id = await chat(model);
        // The span is on its way yet: it is exported within a second.
        const first = await post('/v1/feedback', { request_id: id, score: 1 });
        expect(first.status).toBe(200);
        const told = (await first.json()) as { request_id: string; trace_id: string; span_id: string };
        expect(told.request_id).toBe(id);
        const second = await post('/v1/feedback', { request_id: id, ...SAID, annotator_kind: 'CODE', metadata: { run: 7 } });
        expect([second.status, await second.json()]).toEqual([200, told]);
        await post('/v1/feedback', { request_id: id, label: 'right', identifier: 'ann' });
        const annotations = await annotationsOf(told.span_id);
        expect(annotations.map(({ name, identifier }) => `${name} of ${identifier}`).sort()).toEqual([
          'user_feedback of tierkit',
          'user_feedback of tierkit:ann',
        ]);
        expect(annotations.find(({ identifier }) => identifier === 'tierkit')).toMatchObject({
          annotator_kind: 'CODE',
          result: SAID,
          metadata: { run: 7 },
        });
        const spans = await fetch(`${phoenix.url}/v1/projects/shop/spans?trace_id=${told.trace_id}&span_id=${told.span_id}`);
        const { data } = (await spans.json()) as { data: { span_kind: string; attributes: Record<string, unknown> }[] };
        expect(data).toHaveLength(1);
        expect(data[0]!.span_kind).toBe('LLM');
        expect(data[0]!.attributes['tierkit.request_id']).toBe(id);
      },
    );

    it('finds the call of another replica, and nothing under an id that nobody had', async () => {
      const id = await chat('own');
      const judged = await until(
        async () => post('/v1/feedback', { request_id: id, ...SAID }, replica.url),
        ({ status }) => status === 200,
      );
      const { span_id } = (await judged.json()) as { span_id: string };
      expect(await annotationsOf(span_id)).toHaveLength(1);
      const none = await post('/v1/feedback', { request_id: '12345', score: 1 }, replica.url);
      expect([none.status, await none.text()]).toEqual([404, expect.stringContaining('TK_FEEDBACK_UNKNOWN')]);
    });

    it('is in no log', () => {
      const logs = platform.output() + replica.output();
      expect(logs).toContain('"operation":"feedback"');
      expect(logs).not.toContain('canary');
    });
  },
);
