import type { HTTPCORS } from '../resources/gateway-api/http-route-filter.ts';
import { durationMs } from '../resources/schema.ts';

import type { Caller, Cors } from './identity.ts';
import type { CorsSpec } from './policy.ts';

/** What is said to browsers of other origins. */
interface CorsSettings extends Omit<CorsSpec, 'maxAge'> {
  readonly maxAgeSeconds: number | undefined;
  /** Whether `https://*` is any host on any port, and not on the usual one alone. */
  readonly wildcardPorts: boolean;
  /** Whether a preflight of an origin that is not allowed is answered as well, without a word for its browser, and not sent on. */
  readonly answersAll: boolean;
}

/** Compiles `cors` of a SecurityPolicy (CRD SecurityPolicy). */
export function compileCors({ maxAge, ...spec }: CorsSpec): Cors {
  const maxAgeSeconds = maxAge === undefined ? undefined : Math.floor(durationMs(maxAge) / 1000);
  return corsOf({ ...spec, maxAgeSeconds, wildcardPorts: true, answersAll: false });
}

/** Compiles a filter of type CORS of an HTTPRoute (Gateway API, HTTPCORSFilter). */
export function compileRouteCors({ maxAge, ...spec }: HTTPCORS): Cors {
  return corsOf({ ...spec, maxAgeSeconds: maxAge, wildcardPorts: false, answersAll: true });
}

/**
 * The answer names the caller's own origin, never `*`, and varies by it: so a wildcard also works with credentials, for which the Fetch
 * standard takes no `*`. `*` as method or header repeats what the preflight asks for; which headers of an answer there are to be read nobody
 * knows before it, so with credentials `*` tells none.
 */
function corsOf(settings: CorsSettings): Cors {
  const { allowCredentials = false, maxAgeSeconds } = settings;
  const patterns = (settings.allowOrigins ?? []).map((origin) => originPattern(origin, settings.wildcardPorts));
  const methods = joined(settings.allowMethods);
  const allowHeaders = joined(settings.allowHeaders);
  const exposed = joined(settings.exposeHeaders);
  const expose = exposed === '*' && allowCredentials ? undefined : exposed;

  const allowed = (caller: Caller): string | undefined => {
    const { origin } = caller.headers;
    if (origin === undefined || origin === '') return undefined;
    return patterns.some((pattern) => pattern.test(origin)) ? origin : undefined;
  };
  const base = (origin: string, vary: string): Record<string, string> => ({
    'access-control-allow-origin': origin,
    ...(allowCredentials ? { 'access-control-allow-credentials': 'true' } : {}),
    ...(expose === undefined ? {} : { 'access-control-expose-headers': expose }),
    vary,
  });

  return {
    preflight(caller) {
      if (caller.method !== 'OPTIONS') return undefined;
      const method = caller.headers['access-control-request-method'];
      if (method === undefined || method === '') return undefined;
      const origin = allowed(caller);
      if (origin === undefined) return settings.answersAll ? { vary: PREFLIGHT } : undefined;
      const wanted = caller.headers['access-control-request-headers'];
      const headers = base(origin, PREFLIGHT);
      if (methods !== undefined) headers['access-control-allow-methods'] = methods === '*' ? method : methods;
      if (allowHeaders === '*') {
        if (wanted !== undefined && wanted !== '') headers['access-control-allow-headers'] = wanted;
      } else if (allowHeaders !== undefined) {
        headers['access-control-allow-headers'] = allowHeaders;
      }
      if (maxAgeSeconds !== undefined) headers['access-control-max-age'] = String(maxAgeSeconds);
      return headers;
    },
    headers(caller) {
      const origin = allowed(caller);
      // A cache must not give this answer to an origin that is allowed.
      if (origin === undefined) return settings.answersAll ? { vary: 'Origin' } : {};
      return base(origin, 'Origin');
    },
  };
}

const PREFLIGHT = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

function joined(values: readonly string[] | undefined): string | undefined {
  if (values === undefined || values.length === 0) return undefined;
  return values.includes('*') ? '*' : values.join(', ');
}

/**
 * `*` is any origin; `https://*` any host of the scheme; `https://*.example.com` any name below example.com, at any depth, but not example.com
 * itself. Browsers do not write the usual port of a scheme.
 */
function originPattern(origin: string, wildcardPorts: boolean): RegExp {
  if (origin === '*') return /^/;
  const [, scheme = '', rest = ''] = /^(https?):\/\/(.*)$/i.exec(origin) ?? [];
  if (rest === '*' && wildcardPorts) return new RegExp(`^${scheme}://[^/@\\s]+$`, 'i');
  const usual = scheme.toLowerCase() === 'https' ? /:443$/ : /:80$/;
  const escaped = rest
    .replace(usual, '')
    .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '[^/@:\\s]+');
  return new RegExp(`^${scheme}://${escaped}$`, 'i');
}
