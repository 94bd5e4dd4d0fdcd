// Whose conversations traces tell: by route, by client, and never more than that.
import { afterEach, expect, it } from 'vitest';

import { startTracing } from '#core/telemetry/trace/tracing.fixture';

import { backendsYaml, routeYaml, startGateway } from './gateway.fixture.ts';
import { answer, sse, startUpstream } from './upstream.fixture.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const WHOLE = answer(200, {
  choices: [{ index: 0, message: { role: 'assistant', content: 'canary-answer' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});
const STREAM = sse([
  'data: {"choices":[{"index":0,"delta":{"content":"canary-"},"finish_reason":null}]}\n\n',
  'data: {"choices":[{"index":0,"delta":{"content":"answer"},"finish_reason":"stop"}]}\n\n',
  'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\n',
  'data: [DONE]\n\n',
]);

const CLIENTS = `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  apiKeyAuth: {credentialRefs: [{name: clients}], extractFrom: [{headers: [x-api-key]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: clients}
stringData: {team-a: key-of-team-a, team-b: key-of-team-b}`;

function policy(name: string, spec: string): string {
  return `\n---\napiVersion: tierkit.dev/v1alpha1\nkind: TracePolicy\nmetadata: {name: ${name}}\nspec: ${spec}`;
}

async function start(policies: string, env: Record<string, string> = {}) {
  const upstream = await startUpstream(WHOLE, STREAM, WHOLE, STREAM);
  const test = startTracing(env);
  const gateway = await startGateway({
    yaml: `${backendsYaml([{ name: 'a', port: upstream.port }])}\n---\n${routeYaml('open', ['a'])}\n---\n${routeYaml('quiet', ['a'])}${CLIENTS}${policies}`,
    tracing: test.tracing,
  });
  closers.push(
    () => upstream.close(),
    () => gateway.close(),
  );
  /** Everything that is told of a whole answer and of a stream, but for what has the canary in its name. */
  const told = async (model: string, client: string): Promise<string> => {
    test.clear();
    for (const stream of [false, true]) {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': `key-of-${client}` },
        body: JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'canary-question' }] }),
      });
      expect(response.status).toBe(200);
      await response.text();
    }
    const spans = await test.spans(4);
    expect(spans).toHaveLength(4);
    return JSON.stringify(spans.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })));
  };
  return { told, gateway };
}

const ALL = 'content: {inputs: Show, outputs: Show}';

it('a route that asks for it is told, and no other', async () => {
  const { told, gateway } = await start(policy('p', `{targetRefs: [{kind: AIGatewayRoute, name: open}], ${ALL}}`));
  const open = await told('open', 'team-a');
  expect(open.match(/canary-question/g)!.length).toBeGreaterThanOrEqual(2);
  // The stream's as well as the whole one's.
  expect(open.match(/llm\.output_messages\.0\.message\.content":"canary-answer/g)).toHaveLength(2);
  expect(await told('quiet', 'team-a')).not.toContain('canary');
  expect(gateway.tier.notices()).toContain(
    'TracePolicy default/p: where traces are on, they tell the inputs and outputs of what it covers',
  );
});

it('a client that asks for it is told, and no other', async () => {
  const { told } = await start(policy('p', `{match: {clients: [team-a]}, ${ALL}}`));
  expect(await told('open', 'team-a')).toContain('canary-answer');
  expect(await told('open', 'team-b')).not.toContain('canary');
});

it('a client that forbids it is not told where the process tells all', async () => {
  const shows = { OPENINFERENCE_HIDE_INPUTS: 'false', OPENINFERENCE_HIDE_OUTPUTS: 'false' };
  const { told } = await start(policy('p', '{match: {clients: [team-b]}, content: {inputs: Hide, outputs: Hide}}'), shows);
  expect(await told('open', 'team-b')).not.toContain('canary');
  expect(await told('open', 'team-a')).toContain('canary-question');
});

it('the switch of the process goes before every policy', async () => {
  const { told } = await start(policy('p', `{${ALL}}`), { OPENINFERENCE_HIDE_INPUTS: 'true', OPENINFERENCE_HIDE_OUTPUTS: 'true' });
  expect(await told('open', 'team-a')).not.toContain('canary');
});

it('the GenAI convention has it as well', async () => {
  const { told } = await start(policy('p', `{targetRefs: [{kind: AIGatewayRoute, name: open}], content: {outputs: Show}}`), {
    AI_GATEWAY_TRACING_SEMCONV: 'gen_ai',
  });
  const open = await told('open', 'team-a');
  expect(open).toContain('canary-answer');
  expect(open).not.toContain('canary-question');
  expect(await told('quiet', 'team-a')).not.toContain('canary');
});
