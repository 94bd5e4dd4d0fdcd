import type { Report } from '../kind.ts';
import { SecretObjectReference } from '../gateway-api/object-reference.ts';
import { list, object, type Static, Type } from '../schema.ts';
import { backendObject, checkServicePort } from './backend-ref.ts';
import { checkSecretRef } from './secret-ref.ts';

const names = Type.Optional(list(Type.String(), 32));

/** The tools of a server that clients see; what is excluded is not seen even if it is included. */
const ToolSelector = object({ include: names, includeRegex: names, exclude: names, excludeRegex: names });

/** The key that the gateway shows to the server. */
const ApiKey = object({
  secretRef: Type.Optional(SecretObjectReference),
  inline: Type.Optional(Type.String()),
  header: Type.Optional(Type.String({ minLength: 1 })),
  queryParam: Type.Optional(Type.String({ minLength: 1 })),
});

/** An MCP server behind the gateway. */
export const MCPBackendRef = object({
  ...backendObject,
  path: Type.String({ maxLength: 1024, default: '/mcp' }),
  toolSelector: Type.Optional(ToolSelector),
  securityPolicy: Type.Optional(object({ apiKey: Type.Optional(ApiKey) })),
  forwardHeaders: Type.Optional(
    list(object({ name: Type.String({ minLength: 1 }), backendHeader: Type.Optional(Type.String({ minLength: 1 })) }), 32),
  ),
});
export type MCPBackendRef = Static<typeof MCPBackendRef>;

export function checkMCPBackendRef(ref: MCPBackendRef, path: string, report: Report): void {
  checkServicePort(ref, path, report);
  checkToolSelector(ref.toolSelector, `${path}.toolSelector`, report);
  const apiKey = ref.securityPolicy?.apiKey;
  if (apiKey === undefined) return;
  const at = `${path}.securityPolicy.apiKey`;
  if (apiKey.secretRef === undefined && apiKey.inline === undefined) report(at, 'must have secretRef or inline');
  if (apiKey.secretRef !== undefined && apiKey.inline !== undefined) report(at, 'cannot have both secretRef and inline');
  if (apiKey.header !== undefined && apiKey.queryParam !== undefined) report(at, 'cannot have both header and queryParam');
  checkSecretRef(apiKey.secretRef, `${at}.secretRef`, report);
}

function checkToolSelector(selector: MCPBackendRef['toolSelector'], path: string, report: Report): void {
  if (selector === undefined) return;
  const { include, includeRegex, exclude, excludeRegex } = selector;
  if (include !== undefined && includeRegex !== undefined) report(path, 'cannot have both include and includeRegex');
  if (exclude !== undefined && excludeRegex !== undefined) report(path, 'cannot have both exclude and excludeRegex');
  if (Object.keys(selector).length === 0) report(path, 'must have one of include, includeRegex, exclude and excludeRegex');
}
