import { GatewayError } from '#core/errors';
import { FetchFailed } from '#core/providers/credentials/fetch-failed';
import type { OAuth } from '#core/resources/ai-gateway/mcp-oauth';
import type { McpRule } from '#core/route/mcp-rule';
import { WELL_KNOWN, wellKnownPath } from '#core/route/mcp-well-known';

import type { Issuers } from './issuers.ts';

export interface MetadataAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Pages of any origin may read what anybody may. */
const FOR_ANYONE = { 'access-control-allow-origin': '*' };
/** Clients say the version of MCP that they speak, which a browser asks about first. */
const PREFLIGHT = {
  ...FOR_ANYONE,
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': 'authorization, mcp-protocol-version',
  'access-control-max-age': '86400',
};

/**
 * What a path below `/.well-known/` answers for a route that asks for tokens of OAuth.
 * @returns undefined for any other path
 * @throws GatewayError TK_METHOD, or TK_UPSTREAM where the issuer cannot be asked
 * @see RFC 9728, section 3.2
 */
export async function metadataAnswer(
  { method, path }: { readonly method: string; readonly path: string },
  { path: at, oauth, elsewhere }: Pick<McpRule, 'path' | 'oauth' | 'elsewhere'>,
  issuers: Issuers,
): Promise<MetadataAnswer | undefined> {
  const name = oauth === undefined ? undefined : WELL_KNOWN.find((one) => wellKnownPath(one, at) === path);
  if (oauth === undefined || name === undefined) return undefined;
  if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT, body: Buffer.alloc(0) };
  if (method !== 'GET' && method !== 'HEAD') {
    const headers = { ...FOR_ANYONE, allow: 'GET, HEAD, OPTIONS' };
    throw new GatewayError('TK_METHOD', `${path} takes GET, not ${method}`, { headers });
  }
  const body = name === 'oauth-protected-resource' ? protectedResource(oauth) : await ofIssuer(issuers, oauth, name, elsewhere);
  return { status: 200, headers: { ...FOR_ANYONE, 'content-type': 'application/json', 'cache-control': 'max-age=60' }, body };
}

/** @see RFC 9728, section 2 */
function protectedResource({ issuer, protectedResourceMetadata: of }: OAuth): Buffer {
  const metadata = {
    resource: of.resource,
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    resource_name: said(of.resourceName),
    scopes_supported: said(of.scopesSupported),
    resource_signing_alg_values_supported: said(of.resourceSigningAlgValuesSupported),
    resource_documentation: said(of.resourceDocumentation),
    resource_policy_uri: said(of.resourcePolicyUri),
  };
  return Buffer.from(JSON.stringify(metadata));
}

/** What has no value is left out (RFC 9728, section 3.2). */
function said<T extends string | readonly string[]>(value: T | undefined): T | undefined {
  return value === undefined || value.length === 0 ? undefined : value;
}

async function ofIssuer(
  issuers: Issuers,
  { issuer }: OAuth,
  document: 'oauth-authorization-server' | 'openid-configuration',
  elsewhere: boolean,
): Promise<Buffer> {
  try {
    return await issuers.metadata(issuer, document, elsewhere);
  } catch (cause) {
    const reason = cause instanceof FetchFailed ? `: ${cause.message}` : '';
    throw new GatewayError('TK_UPSTREAM', `the metadata of the issuer cannot be had now${reason}`, { headers: FOR_ANYONE, cause });
  }
}
