import type { IncomingHttpHeaders } from 'node:http';

import { GatewayError } from '../../errors.ts';
import { jwtExpiry } from '../../telemetry/metrics/expiry.ts';
import { type BackendSecurityPolicy, overrideHeader } from '../../resources/ai-gateway/backend-security-policy.ts';

/** What a backend's credential puts on a request: one header. Only requests to that backend's own origins ever get it. */
export interface Credential {
  /** Flat `[name, value]` for one request. @throws GatewayError TK_CREDENTIAL_MISSING */
  headers(client: IncomingHttpHeaders): readonly [name: string, value: string];
  /** Whether the value came from the client: then the backend's opinion of it is the client's to see. */
  isClients(client: IncomingHttpHeaders): boolean;
  /** When the configured secret ends, where it says so itself, as a JWT does: Unix seconds. */
  readonly expiresAt: number | undefined;
  /** Whether a text contains the configured secret. */
  leaks(text: Buffer): boolean;
}

type Type = BackendSecurityPolicy['body']['spec']['type'];

/** Name of the header that carries the key of each type, and what stands before the key. */
const FORMS: Record<Type, readonly [name: string, before: string]> = {
  APIKey: ['authorization', 'Bearer '],
  AnthropicAPIKey: ['x-api-key', ''],
  AzureAPIKey: ['api-key', ''],
};

/** Printable ASCII: anything else cannot stand in a header, and no provider's key has it. */
const KEY = /^[\u0021-\u007e]+$/;

/** A credential from a policy and its Secret's entry `apiKey`; a text says what is wrong with the key. */
export function credentialOf(policy: BackendSecurityPolicy, key: string | undefined): Credential | string {
  const { spec } = policy.body;
  const header = overrideHeader(spec);
  const fallback = spec.credentialOverride?.fromRequestHeaders?.fallbackToConfigured ?? true;
  if (key === undefined) return 'has no entry "apiKey"';
  const trimmed = key.trim();
  if (trimmed === '') return 'has an empty "apiKey"';
  if (!KEY.test(trimmed)) return 'has an "apiKey" with spaces, line breaks or characters that a header cannot carry';
  return new ApiKeyCredential(spec.type, trimmed, header, fallback);
}

class ApiKeyCredential implements Credential {
  readonly expiresAt: number | undefined;
  readonly #type: Type;
  readonly #configured: readonly [string, string];
  readonly #key: Buffer;
  readonly #override: string | undefined;
  readonly #fallback: boolean;

  constructor(type: Type, key: string, override: string | undefined, fallback: boolean) {
    const [name, before] = FORMS[type];
    this.#type = type;
    this.#configured = [name, before + key];
    this.#key = Buffer.from(key);
    this.expiresAt = jwtExpiry(key);
    this.#override = override;
    this.#fallback = fallback;
  }

  headers(client: IncomingHttpHeaders): readonly [string, string] {
    const own = this.#own(client);
    if (own !== undefined) {
      const [name, before] = FORMS[this.#type];
      return [name, before + own];
    }
    if (this.#override !== undefined && !this.#fallback) {
      throw new GatewayError('TK_CREDENTIAL_MISSING', `missing upstream credential: send it in the header ${this.#override}`);
    }
    return this.#configured;
  }

  isClients(client: IncomingHttpHeaders): boolean {
    return this.#own(client) !== undefined;
  }

  leaks(text: Buffer): boolean {
    return text.includes(this.#key);
  }

  #own(client: IncomingHttpHeaders): string | undefined {
    if (this.#override === undefined) return undefined;
    const value = client[this.#override];
    if (typeof value !== 'string' || value === '') return undefined;
    const key = this.#override === 'authorization' ? value.replace(/^Bearer\s+/i, '') : value;
    if (!KEY.test(key)) throw new GatewayError('TK_CREDENTIAL_MISSING', `the header ${this.#override} holds no key`);
    return key;
  }
}
