// For tests: an MCPRoute in front of servers on this machine.
import { startGateway, type TestGateway, type TestGatewayOptions } from '../gateway.fixture.ts';

export interface TestServer {
  readonly name: string;
  readonly port: number;
  /** Further fields of the backendRef. */
  readonly extra?: string;
}

const GATEWAY = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}`;

/** @param extra further fields of the spec, in flow style with a comma in front */
export function mcpYaml(servers: readonly TestServer[], extra = ''): string {
  const backends = servers.map(
    ({ name, port }) => `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${name}}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}`,
  );
  const refs = servers
    .map(({ name, extra: more = '' }) => `{group: gateway.envoyproxy.io, kind: Backend, name: ${name}${more}}`)
    .join(', ');
  const route = `apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: tools}
spec: {parentRefs: [{name: gw}], backendRefs: [${refs}]${extra}}`;
  return [GATEWAY, ...backends, route].join('\n---\n');
}

/** @param options their `yaml` are further resources, with a `---` in front */
export function startMcp(
  servers: readonly TestServer[],
  extra = '',
  { yaml = '', ...options }: Pick<TestGatewayOptions, 'mcpKeys' | 'mcpLimits' | 'tracing' | 'yaml'> = {},
): Promise<TestGateway> {
  return startGateway({ ...options, yaml: mcpYaml(servers, extra) + yaml });
}
