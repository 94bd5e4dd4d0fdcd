// For tests: resources out of YAML, and what is reported of them.
import { Loader } from '../resources/load.ts';
import { formatProblem } from '../resources/problem.ts';
import { nameOf } from '../resources/kind.ts';

import type { CoveringScope } from '../route/covering.ts';

export interface Read extends CoveringScope {
  /** What was reported. */
  readonly reported: string[];
}

/** @throws Error when a document has a problem of its own */
export function read(yaml: string): Read {
  const { set, problems } = new Loader().load({ paths: [], texts: [{ file: 'test', text: yaml }], env: {} });
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'));
  const reported: string[] = [];
  return {
    set,
    reported,
    shared: false,
    report: (resource, path, message) => void reported.push(`${nameOf(resource)}: ${path}: ${message}`),
  };
}

/** A PriceTable; entries in the flow style of YAML. */
export function table(entries: string, name = 'list', currency = 'USD', namespace = 'default'): string {
  const head = `apiVersion: tierkit.dev/v1alpha1\nkind: PriceTable\nmetadata: {name: ${name}, namespace: ${namespace}}\n`;
  return `---\n${head}spec: {currency: ${currency}, entries: [${entries}]}\n`;
}

/** A PriceTable of tools; entries in the flow style of YAML. */
export function toolTable(tools: string, name = 'tools', currency = 'USD', namespace = 'default'): string {
  const head = `apiVersion: tierkit.dev/v1alpha1\nkind: PriceTable\nmetadata: {name: ${name}, namespace: ${namespace}}\n`;
  return `---\n${head}spec: {currency: ${currency}, tools: [${tools}]}\n`;
}

/** An MCPRoute with servers of these names. */
export function mcpRoute(name: string, servers: readonly string[], gateway = 'gw'): string {
  const refs = servers.map((server) => `{group: gateway.envoyproxy.io, kind: Backend, name: ${server}}`).join(', ');
  return `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: ${name}}
spec: {parentRefs: [{name: ${gateway}}], backendRefs: [${refs}]}
`;
}

export function budget(spec: string, name = 'b', namespace = 'default'): string {
  return `---\napiVersion: tierkit.dev/v1alpha1\nkind: Budget\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;
}

export function backend(name: string, schema = 'OpenAI'): string {
  return `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: ${name}}
spec: {schema: {name: ${schema}}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: ${name}}}
`;
}

/** An AIGatewayRoute; rules in the flow style of YAML. */
export function route(rules: string, name = 'r', gateway = 'gw'): string {
  return `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${name}}
spec: {parentRefs: [{name: ${gateway}}], rules: [${rules}]}
`;
}
