import type { Request } from './measure.ts';

export type McpEra = 'legacy' | 'modern';

export const MCP_TOOL = {
  name: 'echo',
  description: 'Says it again.',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string', maxLength: 1000 }, times: { type: 'integer', minimum: 1, maximum: 10 } },
    required: ['text'],
    additionalProperties: false,
  },
} as const;

const META = 'io.modelcontextprotocol/';
const MODERN_META = {
  [`${META}protocolVersion`]: '2026-07-28',
  [`${META}clientInfo`]: { name: 'bench', version: '1' },
  [`${META}clientCapabilities`]: {},
};

/** An MCPRoute at `/mcp` in front of servers at these ports. @param guarded whether tools are locked, and arguments checked */
export function mcpYaml(ports: readonly number[], guarded: boolean): string {
  const names = ports.map((_, index) => `server-${index}`);
  const backends = ports.map(
    (port, index) => `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${names[index]}, namespace: default}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}
`,
  );
  const refs = names.map((name) => `{group: gateway.envoyproxy.io, kind: Backend, name: ${name}}`).join(', ');
  const annotations = guarded ? ', annotations: {tierkit.dev/tool-arguments: validate}' : '';
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bench, namespace: default}
spec: {gatewayClassName: bench, listeners: [{name: http, protocol: HTTP, port: 1975}]}
${backends.join('')}---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: bench, namespace: default${annotations}}
spec: {parentRefs: [{name: bench}], backendRefs: [${refs}]}
${guarded ? lockYaml(names) : ''}`;
}

function lockYaml(names: readonly string[]): string {
  const tools = [{ name: MCP_TOOL.name, definition: JSON.stringify(MCP_TOOL) }];
  const spec = { targetRef: { kind: 'MCPRoute', name: 'bench' }, servers: names.map((name) => ({ name, tools })) };
  return `---\n${JSON.stringify({ apiVersion: 'tierkit.dev/v1alpha1', kind: 'MCPToolLock', metadata: { name: 'bench' }, spec })}\n`;
}

/** A call of the tool by a client of an era. @param session of the legacy era */
export function mcpCall(era: McpEra, name: string, session: string): Request {
  const params = { name, arguments: { text: 'hello', times: 2 } };
  const headers = { Accept: 'application/json, text/event-stream', 'MCP-Protocol-Version': era === 'modern' ? '2026-07-28' : '2025-11-25' };
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: era === 'modern' ? { ...params, _meta: MODERN_META } : params };
  const own = era === 'modern' ? { 'Mcp-Method': 'tools/call', 'Mcp-Name': name } : { 'Mcp-Session-Id': session };
  return { path: '/mcp', headers: { ...headers, ...own }, body: JSON.stringify(body) };
}

/** Opens a session. @returns its id */
export async function mcpSession(port: number): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } };
  const answer = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
  });
  await answer.arrayBuffer();
  const id = answer.headers.get('mcp-session-id');
  if (id === null) throw new Error(`initialize was answered with status ${answer.status}, and no session`);
  return id;
}
