// For tests: a gateway on free ports, with resources from a text, and its log lines at hand.
import { asCluster } from '#core/serve/as-cluster.fixture';
import type { Tracing } from '#core/telemetry/trace/tracing';

import type { Extension } from './extensions/extension.ts';
import { TierOne, type TierOneOptions } from './main.ts';

export interface TestGateway {
  readonly tier: TierOne;
  /** Of the first listener. */
  readonly url: string;
  readonly adminUrl: string;
  /** Access-log lines, as objects. */
  readonly accessLog: Record<string, unknown>[];
  /** Lines of the operator's log. */
  readonly log: string[];
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  /** Resources as YAML; or paths of files and folders. */
  readonly yaml?: string;
  readonly paths?: readonly string[];
  readonly secretDir?: string;
  readonly extensions?: readonly Extension[];
  readonly drainMs?: number;
  readonly debugHeaders?: boolean;
  readonly tracing?: Tracing;
  readonly feedback?: TierOneOptions['feedback'];
  readonly mcpKeys?: TierOneOptions['mcpKeys'];
  readonly mcpLimits?: TierOneOptions['mcpLimits'];
  readonly counts?: TierOneOptions['counts'];
  readonly ledger?: TierOneOptions['ledger'];
  /** The resources are taken for those of a cluster: what is wrong with them is left out. @default false */
  readonly inCluster?: boolean;
}

/** Starts a gateway. @throws InvalidResources when the resources have problems */
export async function startGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const accessLog: Record<string, unknown>[] = [];
  const log: string[] = [];
  const files = {
    paths: options.paths ?? [],
    env: {},
    ...(options.yaml === undefined ? {} : { texts: [{ file: 'test.yaml', text: options.yaml }] }),
    ...(options.secretDir === undefined ? {} : { secretDir: options.secretDir }),
  };
  const tier = new TierOne({
    sources: options.inCluster === true ? asCluster(files) : files,
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    drainMs: options.drainMs ?? 0,
    extensions: options.extensions ?? [],
    debugHeaders: options.debugHeaders ?? false,
    tracing: options.tracing,
    feedback: options.feedback,
    ...(options.mcpKeys !== undefined && { mcpKeys: options.mcpKeys }),
    mcpLimits: options.mcpLimits,
    ledger: options.ledger,
    ...(options.counts !== undefined && { counts: options.counts }),
    accessLog: (line) => void accessLog.push(JSON.parse(JSON.stringify(line)) as Record<string, unknown>),
    log: (level, message, detail) => void log.push(`${level} ${message} ${detail === undefined ? '' : JSON.stringify(detail)}`),
  });
  await tier.start();
  return {
    tier,
    url: `http://127.0.0.1:${[...tier.ports.values()][0]}`,
    adminUrl: `http://127.0.0.1:${tier.adminPort}`,
    accessLog,
    log,
    close: () => tier.stop(),
  };
}

export interface TestBackend {
  readonly name: string;
  readonly port: number;
  /** @default OpenAI */
  readonly schema?: 'OpenAI' | 'AzureOpenAI' | 'Anthropic' | 'Cohere';
  /** Adds a BackendSecurityPolicy with this key. */
  readonly key?: string;
}

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
`;

/** A Gateway with one listener, and an AIServiceBackend with its Backend for each backend. Routes are the test's own. */
export function backendsYaml(backends: readonly TestBackend[]): string {
  return [GATEWAY, ...backends.map(backendYaml)].join('\n---\n');
}

function backendYaml({ name, port, schema = 'OpenAI', key }: TestBackend): string {
  const types = {
    OpenAI: ['APIKey', 'apiKey'],
    Cohere: ['APIKey', 'apiKey'],
    AzureOpenAI: ['AzureAPIKey', 'azureAPIKey'],
    Anthropic: ['AnthropicAPIKey', 'anthropicAPIKey'],
  } as const;
  const [type, field] = types[schema];
  const version = schema === 'AzureOpenAI' ? ", version: '2024-10-21'" : '';
  const policy = `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${name}}]
  type: ${type}
  ${field}: {secretRef: {name: ${name}}}
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
stringData: {apiKey: ${JSON.stringify(key)}}`;
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: ${name}}
spec: {schema: {name: ${schema}${version}}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: ${name}}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${name}}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}${key === undefined ? '' : policy}`;
}

/** An AIGatewayRoute whose only rule sends a model to backends, in the order of their priorities. @param extra further lines of the rule, indented by four spaces */
export function routeYaml(model: string, backends: readonly string[], extra = ''): string {
  const refs = backends.map((name, priority) => `{name: ${name}, priority: ${priority}}`).join(', ');
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${model}}
spec:
  parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}]
  rules:
  - matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: ${model}}]}]
    backendRefs: [${refs}]
${extra}`;
}
