import { jwtExpiry } from '../../telemetry/metrics/expiry.ts';
import { type Credential, holds, withHeaders } from './credential.ts';
import { bringsKey, clientKey, type Override } from './override.ts';
import { isKey } from './sendable-key.ts';

/** Name of the header that carries the key of each type, and what stands before the key. */
const FORMS = {
  APIKey: ['authorization', 'Bearer '],
  AnthropicAPIKey: ['x-api-key', ''],
  AzureAPIKey: ['api-key', ''],
} as const;

export type ApiKeyType = keyof typeof FORMS;

/** A credential from a Secret's entry `apiKey`; a text says what is wrong with the key. */
export function apiKeyCredential(type: ApiKeyType, given: string | undefined, override: Override): Credential | string {
  if (given === undefined) return 'has no entry "apiKey"';
  const key = given.trim();
  if (key === '') return 'has an empty "apiKey"';
  if (!isKey(key)) return 'has an "apiKey" with spaces, line breaks or characters that a header cannot carry';
  const [name, before] = FORMS[type];
  return {
    authorize: (outbound, client) => withHeaders(outbound, [name, before + (clientKey(override, client) ?? key)]),
    isClients: (client) => bringsKey(override, client),
    expiresAt: jwtExpiry(key),
    leaks: (text) => holds(text, [key]),
  };
}
