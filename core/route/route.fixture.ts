// For tests: resources from a text, compiled, and look-ups in what comes of them.
import { Loader } from '../resources/load.ts';
import { formatProblem } from '../resources/problem.ts';

import { type Compiled, compile, type CompileOptions, newShared, type Shared } from './compile.ts';
import type { AiRule, Match, OrdinaryRule } from './rule.ts';
import type { RoutedRequest } from './table.ts';

export interface Asked extends Partial<RoutedRequest> {
  /** @default 80 */
  readonly port?: number;
  /** @default a.example.com */
  readonly host?: string;
}

export interface TestRoutes {
  readonly compiled: Compiled;
  /** `Kind name: path: message`, without the file. */
  readonly problems: readonly string[];
  readonly match: (asked: Asked) => Match | undefined;
  /** `route/rule` that takes a request: the rule by its name or place. */
  readonly find: (asked: Asked) => string | undefined;
  /** The rule of an AIGatewayRoute that serves a model. */
  readonly ai: (model: string, asked?: Asked) => AiRule;
  /** The rule of an HTTPRoute that takes a request. */
  readonly ordinary: (path: string, asked?: Asked) => OrdinaryRule;
}

export function routesOf(yaml: string, shared: Shared = newShared(), options: CompileOptions = {}): TestRoutes {
  const loaded = new Loader().load({ paths: [], texts: [{ file: 'test.yaml', text: yaml }], env: {} });
  const compiled = compile(loaded, shared, options);
  const problems = [...loaded.problems, ...compiled.problems].map((problem) =>
    formatProblem(problem).replace(/^test\.yaml:\S+ \(document \d+\): /, ''),
  );
  const match = ({ port = 80, host = 'a.example.com', ...request }: Asked): Match | undefined =>
    compiled.ports
      .find((table) => table.port === port)
      ?.listener(host)
      ?.hosts.index(host)
      ?.find({ method: 'GET', path: '/', query: '', headers: {}, model: undefined, ...request });
  const ruleOf = (asked: Asked) => match(asked)?.rule;
  return {
    compiled,
    problems,
    match,
    find(asked) {
      const rule = ruleOf(asked);
      return rule && `${rule.route.name}/${rule.name ?? rule.index}`;
    },
    ai(model, asked) {
      const rule = ruleOf({ path: '/v1/chat/completions', method: 'POST', model, ...asked });
      if (rule?.ai !== true) throw new Error(`no rule serves ${model}: ${problems.join('\n')}`);
      return rule;
    },
    ordinary(path, asked) {
      const rule = ruleOf({ path, ...asked });
      if (rule?.ai !== false) throw new Error(`no rule takes ${path}: ${problems.join('\n')}`);
      return rule;
    },
  };
}

/** A Gateway `gw` with these listeners, in flow style. @default one on port 80 */
export function gatewayYaml(...listeners: string[]): string {
  const all = listeners.length === 0 ? ['{name: http, port: 80, protocol: HTTP}'] : listeners;
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [${all.join(', ')}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: b}
spec: {endpoints: [{ip: {address: 192.0.2.1, port: 9}}]}
`;
}

/** @param spec further fields in flow style, such as `hostnames: [a.example.com], rules: [{matches: […]}]` */
export function httpRouteYaml(name: string, spec: string, metadata = ''): string {
  return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}${metadata === '' ? '' : `, ${metadata}`}}
spec: {${spec.includes('parentRefs') ? '' : 'parentRefs: [{name: gw}], '}${spec}}
`;
}

/** Reference to the Backend of {@link gatewayYaml}. */
export const TO_B = 'backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: b}]';

/** An AIGatewayRoute with these rules, in flow style. */
export function aiRouteYaml(name: string, rules: string, more = ''): string {
  return `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${name}}
spec: {${more.includes('parentRefs') ? '' : 'parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}], '}rules: [${rules}]${more === '' ? '' : `, ${more}`}}
`;
}

/** Match of a model, in flow style. */
export function model(name: string, type: 'Exact' | 'RegularExpression' = 'Exact'): string {
  return `{headers: [{type: ${type}, name: x-ai-eg-model, value: "${name}"}]}`;
}

/** An AIServiceBackend for the Backend of {@link gatewayYaml}. @param more further fields of the spec, in flow style */
export function aiBackendYaml(name: string, schema = '{name: OpenAI}', more = '', metadata = ''): string {
  return `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: ${name}${metadata === '' ? '' : `, ${metadata}`}}
spec: {schema: ${schema}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: b}${more === '' ? '' : `, ${more}`}}
`;
}
