import type { DialectName } from '../llm/codec.ts';
import type { TranslatedDialect } from '../llm/codecs.ts';
import type { ApiEndpoint, BackendApi } from '../read/endpoints.ts';

/** How backends of an API take a conversation that came in another API's words. */
export interface Wire {
  readonly dialect: TranslatedDialect;
  /** Path below the prefix of the schema. */
  readonly below: string;
}

const CHAT: Wire = { dialect: 'openai-chat', below: 'chat/completions' };
const MESSAGES: Wire = { dialect: 'anthropic-messages', below: 'messages' };

/** A model server takes all that it is asked in its client's own words: nothing is translated for it. */
const WIRES: Readonly<Partial<Record<BackendApi, Wire>>> = { OpenAI: CHAT, AzureOpenAI: CHAT, Anthropic: MESSAGES };

/**
 * How a backend serves an endpoint: `pass` as the client says it, with the path below the prefix of its schema; or what it is translated to.
 * @returns undefined where it cannot
 */
export function wayOf(endpoint: ApiEndpoint, api: BackendApi): { readonly pass: string } | Wire | undefined {
  const pass = endpoint.upstream[api];
  if (pass !== undefined) return { pass };
  return endpoint.conversation === undefined ? undefined : WIRES[api];
}

export function serves(endpoint: ApiEndpoint, api: BackendApi): boolean {
  return wayOf(endpoint, api) !== undefined;
}

/** Headers that only backends of one API know: they mean nothing to another one. */
const OWN_HEADERS: Readonly<Record<'openai' | 'anthropic', readonly string[]>> = {
  openai: ['openai-organization', 'openai-project', 'openai-beta'],
  anthropic: ['anthropic-version', 'anthropic-beta', 'anthropic-dangerous-direct-browser-access'],
};

/** Every request to the API has to name it. @see https://docs.anthropic.com/en/api/versioning */
const ANTHROPIC_VERSION = '2023-06-01';

/** What stands in the place of the client's headers that another API does not know; changes the flat list in place. */
export function translateHeaders(headers: string[], dialect: DialectName): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    const name = headers[at]!;
    if (OWN_HEADERS.openai.includes(name) || OWN_HEADERS.anthropic.includes(name) || name === 'content-type' || name === 'accept')
      headers.splice(at, 2);
  }
  headers.push('content-type', 'application/json');
  if (dialect === 'anthropic-messages') headers.push('anthropic-version', ANTHROPIC_VERSION);
}
