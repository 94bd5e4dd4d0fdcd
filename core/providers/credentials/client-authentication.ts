/** As whom a token endpoint is asked. */
export interface TokenClient {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Whether the secret stands in the body: else in the Authorization header, which every server takes (RFC 6749, section 2.3.1). */
  readonly inBody: boolean;
}

/** Puts into a form who asks, unless a header says it. @returns headers to go along */
export function authenticate(form: URLSearchParams, { clientId, clientSecret, inBody }: TokenClient): Readonly<Record<string, string>> {
  if (!inBody) return { authorization: basic(clientId, clientSecret) };
  form.set('client_id', clientId);
  form.set('client_secret', clientSecret);
  return {};
}

/** RFC 6749, section 2.3.1: both parts as in a form. */
function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64')}`;
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
