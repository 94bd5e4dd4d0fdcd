import { durationMs } from '../resources/schema.ts';

import type { Caller, Cors } from './identity.ts';
import type { CorsSpec } from './policy.ts';

/**
 * Compiles `cors` (CRD SecurityPolicy). The answer names the caller's own origin, never `*`, and varies by it: so a wildcard also
 * works with credentials, for which the Fetch standard takes no `*`. `*` as method or header repeats what the preflight asks for.
 */
export function compileCors(spec: CorsSpec): Cors {
  const patterns = (spec.allowOrigins ?? []).map(originPattern);
  const methods = joined(spec.allowMethods);
  const allowHeaders = joined(spec.allowHeaders);
  const expose = joined(spec.exposeHeaders);
  const maxAge = spec.maxAge === undefined ? undefined : String(Math.floor(durationMs(spec.maxAge) / 1000));

  const allowed = (caller: Caller): string | undefined => {
    const { origin } = caller.headers;
    if (origin === undefined || origin === '') return undefined;
    return patterns.some((pattern) => pattern.test(origin)) ? origin : undefined;
  };
  const base = (origin: string, vary: string): Record<string, string> => ({
    'access-control-allow-origin': origin,
    ...(spec.allowCredentials === true ? { 'access-control-allow-credentials': 'true' } : {}),
    vary,
  });

  return {
    preflight(caller) {
      if (caller.method !== 'OPTIONS') return undefined;
      const method = caller.headers['access-control-request-method'];
      const origin = allowed(caller);
      if (method === undefined || method === '' || origin === undefined) return undefined;
      const wanted = caller.headers['access-control-request-headers'];
      const headers = base(origin, 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers');
      if (methods !== undefined) headers['access-control-allow-methods'] = methods === '*' ? method : methods;
      if (allowHeaders === '*') {
        if (wanted !== undefined && wanted !== '') headers['access-control-allow-headers'] = wanted;
      } else if (allowHeaders !== undefined) {
        headers['access-control-allow-headers'] = allowHeaders;
      }
      if (maxAge !== undefined) headers['access-control-max-age'] = maxAge;
      return headers;
    },
    headers(caller) {
      const origin = allowed(caller);
      if (origin === undefined) return {};
      const headers = base(origin, 'Origin');
      if (expose !== undefined) headers['access-control-expose-headers'] = expose;
      return headers;
    },
  };
}

function joined(values: readonly string[] | undefined): string | undefined {
  if (values === undefined || values.length === 0) return undefined;
  return values.includes('*') ? '*' : values.join(', ');
}

/**
 * `*` is any origin; `https://*` any host of the scheme, on any port; `https://*.example.com` any name below example.com, at any
 * depth, but not example.com itself.
 */
function originPattern(origin: string): RegExp {
  if (origin === '*') return /^/;
  const [, scheme = '', rest = ''] = /^(https?):\/\/(.*)$/i.exec(origin) ?? [];
  if (rest === '*') return new RegExp(`^${scheme}://[^/@\\s]+$`, 'i');
  const escaped = rest.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '[^/@:\\s]+');
  return new RegExp(`^${scheme}://${escaped}$`, 'i');
}
