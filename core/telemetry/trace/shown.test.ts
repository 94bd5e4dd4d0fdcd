import { describe, expect, it } from 'vitest';

import { read } from '../../money/money.fixture.ts';
import { Loader } from '../../resources/load.ts';
import type { CoveredRequest } from '../../route/covering.ts';
import { newTraceId } from './context.ts';
import { traceSettings } from './settings.ts';
import { shownByProcess, shownTo, traceRulesOf } from './shown.ts';

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: c, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: r}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: b}]}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: tools}
spec: {parentRefs: [{name: gw}], backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: b}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: tools}
spec: {parentRefs: [{name: gw}], rules: [{}]}
`;

function policies(...specs: readonly string[]): string {
  return specs
    .map((spec, at) => `---\napiVersion: tierkit.dev/v1alpha1\nkind: TracePolicy\nmetadata: {name: p${at}}\nspec: ${spec}\n`)
    .join('');
}

function rulesOf(...specs: readonly string[]) {
  const scope = read(GATEWAY + policies(...specs));
  return { rules: traceRulesOf(scope), reported: scope.reported };
}

function request(parts: Partial<CoveredRequest> & { readonly client?: string } = {}): CoveredRequest {
  return {
    identity: { clientId: parts.client, claims: undefined, headers: [] } as unknown as CoveredRequest['identity'],
    model: 'm',
    route: { kind: 'AIGatewayRoute', namespace: 'default', name: 'r' },
    gateway: { namespace: 'default', name: 'gw' },
    ...parts,
  };
}

const ON = { OTEL_TRACES_EXPORTER: 'console' };
const HIDDEN = shownByProcess(traceSettings(ON)!);
const SHOWN = shownByProcess(traceSettings({ ...ON, OPENINFERENCE_HIDE_INPUTS: 'false', OPENINFERENCE_HIDE_OUTPUTS: 'false' })!);
const LOCKED = shownByProcess(traceSettings({ ...ON, OPENINFERENCE_HIDE_INPUTS: 'true' })!);
const GENAI = { ...ON, AI_GATEWAY_TRACING_SEMCONV: 'gen_ai' };
const CAPTURE = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT';
const TRACE = 'a'.repeat(32);

const SHOW = '{content: {inputs: Show, outputs: Show}}';
const TOOLS = { kind: 'MCPRoute', namespace: 'default', name: 'tools' } as const;
const ALL = { inputs: true, outputs: true };
const NONE = { inputs: false, outputs: false };

describe('what a trace tells', () => {
  it.each([
    ['nothing where nobody asked', [], request(), HIDDEN, NONE],
    ['what the process shows', [], request(), SHOWN, ALL],
    ['what a policy shows', [SHOW], request(), HIDDEN, ALL],
    ['one side where only that is shown', ['{content: {outputs: Show}}'], request(), HIDDEN, { inputs: false, outputs: true }],
    ['the other side as the process says', ['{content: {outputs: Hide}}'], request(), SHOWN, { inputs: true, outputs: false }],
    [
      'nothing that one policy hides, whatever others show',
      [SHOW, '{content: {inputs: Hide}}', SHOW],
      request(),
      HIDDEN,
      { inputs: false, outputs: true },
    ],
    ['nothing that a switch of the process hides', [SHOW], request(), LOCKED, { inputs: false, outputs: true }],
    ['of a client', [`{match: {clients: [team-a]}, ${SHOW.slice(1)}`], request({ client: 'team-a' }), HIDDEN, ALL],
    ['not of another client', [`{match: {clients: [team-a]}, ${SHOW.slice(1)}`], request({ client: 'team-b' }), HIDDEN, NONE],
    ['not of nobody', [`{match: {clients: [team-a]}, ${SHOW.slice(1)}`], request(), HIDDEN, NONE],
    ['of models', [`{match: {models: ["m*"]}, ${SHOW.slice(1)}`], request({ model: 'm-2' }), HIDDEN, ALL],
    ['not of other models', [`{match: {models: ["m*"]}, ${SHOW.slice(1)}`], request({ model: 'other' }), HIDDEN, NONE],
    ['of a route', [`{targetRefs: [{kind: AIGatewayRoute, name: r}], ${SHOW.slice(1)}`], request(), HIDDEN, ALL],
    [
      'not of another namespace',
      [`{targetRefs: [{kind: AIGatewayRoute, name: r}], ${SHOW.slice(1)}`],
      request({ route: { kind: 'AIGatewayRoute', namespace: 'other', name: 'r' } }),
      HIDDEN,
      NONE,
    ],
    ['of an MCPRoute', [`{targetRefs: [{kind: MCPRoute, name: tools}], ${SHOW.slice(1)}`], request({ route: TOOLS }), HIDDEN, ALL],
    [
      'not of an MCPRoute by another kind of its name',
      [`{targetRefs: [{kind: HTTPRoute, name: tools}], ${SHOW.slice(1)}`],
      request({ route: TOOLS }),
      HIDDEN,
      NONE,
    ],
    [
      'of MCPRoutes at a Gateway',
      [`{targetRefs: [{kind: Gateway, name: gw}], ${SHOW.slice(1)}`],
      request({ route: TOOLS, model: undefined }),
      HIDDEN,
      ALL,
    ],
    ['in no trace at 0 percent', ['{content: {inputs: Show, percent: 0}}'], request(), HIDDEN, NONE],
  ] as const)('is %s', (_name, specs, asked, byProcess, expected) => {
    const { rules, reported } = rulesOf(...specs);
    expect(reported).toEqual([]);
    expect(shownTo(asked, rules, byProcess, TRACE)).toMatchObject(expected);
  });

  it('is shown in about the share of the traces that was asked for', () => {
    const { rules } = rulesOf('{content: {inputs: Show, percent: 25}}');
    let shown = 0;
    for (let each = 0; each < 4000; each++) if (shownTo(request(), rules, HIDDEN, newTraceId()).inputs) shown++;
    expect(shown).toBeGreaterThan(800);
    expect(shown).toBeLessThan(1200);
  });

  it('is locked in the GenAI convention by its switch alone', () => {
    const { rules } = rulesOf(SHOW);
    expect(shownTo(request(), rules, shownByProcess(traceSettings(GENAI)!), TRACE)).toEqual(ALL);
    expect(shownTo(request(), rules, shownByProcess(traceSettings({ ...GENAI, [CAPTURE]: 'false' })!), TRACE)).toEqual(NONE);
    expect(shownByProcess(traceSettings({ ...GENAI, [CAPTURE]: 'true' })!)).toMatchObject(ALL);
  });

  it('is nothing where a policy of the namespace cannot be read', () => {
    const texts = [{ file: 'test', text: GATEWAY + policies(SHOW, '{content: {inputs: hide}}') }];
    const { set } = new Loader().load({ paths: [], texts, env: {} });
    const rules = traceRulesOf({ set, shared: true, report: () => undefined });
    expect(shownTo(request(), rules, SHOWN, TRACE)).toEqual(NONE);
    const elsewhere = {
      gateway: { namespace: 'other', name: 'gw' },
      route: { kind: 'AIGatewayRoute' as const, namespace: 'other', name: 'r' },
    };
    expect(shownTo(request(elsewhere), rules, SHOWN, TRACE)).toMatchObject(ALL);
  });

  it('is reported where a policy targets what is not there', () => {
    expect(rulesOf(`{targetRefs: [{kind: AIGatewayRoute, name: q}], ${SHOW.slice(1)}`).reported).toEqual([
      'TracePolicy default/p0: spec.targetRefs[0].name: there is no AIGatewayRoute default/q',
    ]);
  });

  it.each([
    ['{content: {}}', 'spec.content: one of inputs and outputs is required'],
    ['{content: {inputs: Hide, percent: 5}}', 'spec.content.percent: is for content that is shown'],
    ['{content: {input: Show}}', 'spec.content.input: unknown field; did you mean "inputs"?'],
    ['{content: {inputs: show}}', 'did you mean "Show"?'],
    [
      `{targetRefs: [{kind: Gateway, group: aigateway.envoyproxy.io, name: gw}], ${SHOW.slice(1)}`,
      'must be gateway.networking.k8s.io for Gateway',
    ],
    [
      `{targetRefs: [{kind: MCPRoute, group: gateway.networking.k8s.io, name: tools}], ${SHOW.slice(1)}`,
      'must be aigateway.envoyproxy.io for MCPRoute',
    ],
  ])('refuses %s', (spec, problem) => {
    expect(() => read(GATEWAY + policies(spec))).toThrow(problem);
  });
});
