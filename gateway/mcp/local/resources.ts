import type { LocalBridge } from './bridge.ts';
import type { McpConfig } from './config.ts';

/** A Gateway that routes are attached to. */
export interface GatewayPlace {
  readonly name: string;
  readonly namespace: string;
}

/** Of the MCPRoute, and in front of the names of its Backends. */
const NAME = 'mcp-config';
export const MCP_PATH = '/mcp';

/** The servers of a file as resources: a Backend for each, and one MCPRoute for all. @returns YAML */
export function mcpResources({ bridged, urls }: McpConfig, bridge: LocalBridge | undefined, gateway: GatewayPlace): string {
  const { name, namespace } = gateway;
  const remote = urls.map(({ name: server, url, header }) => ({
    server,
    endpoint: endpointOf(url),
    path: `${url.pathname}${url.search}`,
    header,
    tls: url.protocol === 'https:',
  }));
  const local = bridged.map(({ name: server }) => ({
    server,
    endpoint: { ip: { address: '127.0.0.1', port: bridge!.port } },
    path: bridge!.path(server),
    header: { name: 'authorization', value: bridge!.credential },
    tls: false,
  }));
  const all = [...local, ...remote];
  const documents = [
    ...all.map(({ server, endpoint, tls }) =>
      resource(
        'gateway.envoyproxy.io/v1alpha1',
        'Backend',
        { name: server, namespace },
        {
          endpoints: [endpoint],
          ...(tls ? { tls: { wellKnownCACertificates: 'System' } } : {}),
        },
      ),
    ),
    resource(
      'aigateway.envoyproxy.io/v1beta1',
      'MCPRoute',
      { name: NAME, namespace },
      {
        parentRefs: [{ name, kind: 'Gateway', group: 'gateway.networking.k8s.io' }],
        path: MCP_PATH,
        backendRefs: all.map(({ server, path, header }) => ({
          group: 'gateway.envoyproxy.io',
          kind: 'Backend',
          name: server,
          path,
          ...(header === undefined ? {} : { securityPolicy: { apiKey: { inline: header.value, header: header.name } } }),
        })),
      },
    ),
  ];
  return documents.map(yamlOf).join('\n---\n');
}

/** For a file alone. @returns YAML */
export function gatewayResource({ name, namespace }: GatewayPlace, port: number): string {
  const spec = { gatewayClassName: 'tierkit', listeners: [{ name: 'http', protocol: 'HTTP', port }] };
  return yamlOf(resource('gateway.networking.k8s.io/v1', 'Gateway', { name, namespace }, spec));
}

function endpointOf(url: URL): object {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return /^[\d.]+$|:/.test(host) ? { ip: { address: host, port } } : { fqdn: { hostname: host, port } };
}

function resource(apiVersion: string, kind: string, metadata: object, spec: object): object {
  return { apiVersion, kind, metadata, spec };
}

/** Keys stand in it as they are: nothing in them is a variable. */
function yamlOf(document: object): string {
  return JSON.stringify(document).replaceAll('${', () => String.raw`\u0024{`);
}
