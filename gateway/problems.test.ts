import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Loader } from '#core/resources/load';
import { formatProblem, InvalidResources } from '#core/resources/problem';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { Configuration } from '#core/serve/configuration';
import { FileSource } from '#core/serve/source';
import { compile, newShared } from '#core/route/compile';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'problems-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const FILES: Readonly<Record<string, string>> = {
  'backends.yaml': `apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: openai}
spec:
  schema: {name: OpenAI}
  backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: opnai}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: openai}
spec:
  endpoints: [{fqdn: {hostname: api.openai.com, prt: 443}}]
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: azure}
spec:
  schema: {name: AzureOpenAI}
  backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: azure}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: azure}
spec:
  endpoints: [{fqdn: {hostname: azure.example.com, port: 443}}]
`,
  'gateway.yaml': `# The gateway itself is as it should be.
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: grpc}
`,
  'routes/chat.yaml': `apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: chat, annotations: {tierkit.dev/stream-keepaliv: 15s}}
spec:
  parentRefs: [{name: main, kind: Gateway, group: gateway.networking.k8s.io, sectionName: htp}]
  rules:
  - matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: gpt-5}]}]
    backendRefs: [{name: openai}, {name: azur}]
`,
  'routes/web.yaml': `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: main}]
  rules:
  - matches: [{path: {type: PathPrefix, value: no-slash}}]
    backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: azure}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: retries}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}, {group: gateway.networking.k8s.io, kind: HTTPRoute, name: chta}]
  retry: {numRetries: 1}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: other, namespace: team}
spec:
  parentRefs: [{name: main, namespace: default}]
  rules:
  - backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: azure, namespace: default}]
`,
  'syntax.yaml': `apiVersion: v1
kind: Secret
metadata: {name: broken
`,
  'twice.yaml': `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: azure}
spec: {endpoints: [{ip: {address: 10.0.0.1, port: 80}}]}
`,
};

it('tells every problem of a folder at once, each where it is', () => {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  const loaded = new Loader().load({ paths: [dir], env: {} });
  const problems = [...loaded.problems, ...compile(loaded, newShared()).problems];
  expect(`\n${problems.map((problem) => formatProblem(problem).replaceAll(`${dir}/`, '')).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    syntax.yaml:4 (document 1): a quote or bracket before this line is not closed, or this line is not indented enough to be inside
    backends.yaml:8 (document 2): Backend openai: spec.endpoints[0].fqdn.port: is required
    backends.yaml:8 (document 2): Backend openai: spec.endpoints[0].fqdn.prt: unknown field; did you mean "port"?
    gateway.yaml:7 (document 2): GRPCRoute grpc: kind: GRPCRoute is not supported: gRPC is not routed; only HTTPRoute and AIGatewayRoute are
    routes/web.yaml:1 (document 1): HTTPRoute web: spec.rules[0].matches[0].path.value: "no-slash" must start with "/"
    twice.yaml:1 (document 1): Backend default/azure: metadata.name: the same resource is in backends.yaml:21 already
    routes/chat.yaml:1 (document 1): AIGatewayRoute default/chat: metadata.annotations["tierkit.dev/stream-keepaliv"]: is no setting of this kind (AIGatewayRoute); did you mean "stream-keepalive"?
    routes/web.yaml:10 (document 2): BackendTrafficPolicy default/retries: spec.targetRefs[0].name: HTTPRoute default/web has problems of its own
    routes/web.yaml:10 (document 2): BackendTrafficPolicy default/retries: spec.targetRefs[1].name: there is no HTTPRoute or AIGatewayRoute default/chta; did you mean "chat"?
    routes/web.yaml:17 (document 3): HTTPRoute team/other: spec.parentRefs[0]: Gateway default/main takes no HTTPRoute from namespace team: see allowedRoutes of its listener http
    routes/web.yaml:17 (document 3): HTTPRoute team/other: spec.rules[0].backendRefs[0]: Backend default/azure is in another namespace, and no ReferenceGrant there lets HTTPRoute of team name it
    routes/chat.yaml:1 (document 1): AIGatewayRoute default/chat: spec.parentRefs[0]: Gateway default/main has no listener "htp"; did you mean "http"?
    backends.yaml:1 (document 1): AIServiceBackend default/openai: spec.backendRef.name: there is no Backend default/opnai; did you mean "openai"?
    routes/chat.yaml:1 (document 1): AIGatewayRoute default/chat: spec.rules[0].backendRefs[1].name: there is no AIServiceBackend default/azur; did you mean "azure"?
    backends.yaml:14 (document 3): AIServiceBackend default/azure: spec.schema.version: is required for AzureOpenAI: it becomes the api-version of every request
    "
  `);

  // It is what a process that starts with them says.
  const configuration = new Configuration(new FileSource({ paths: [dir], env: {} }), () => undefined);
  expect(() => configuration.load()).toThrow(new InvalidResources(problems));
  expect(() => configuration.current).toThrow('no configuration is loaded');
});
