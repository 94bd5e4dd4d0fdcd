import type { Caller } from './identity.ts';

/** One place of a request in which a credential may stand. */
export type Place =
  | {
      readonly in: 'header';
      /** In lower case. */
      readonly name: string;
      /** Taken off the value, without regard to case; empty for none. */
      readonly prefix: string;
      /** Whether a value without the prefix is no credential of this kind. */
      readonly prefixRequired: boolean;
    }
  | { readonly in: 'param'; readonly name: string }
  | { readonly in: 'cookie'; readonly name: string };

/**
 * The credential at the first of the places that has one; undefined when none has. A header that came several times was joined with
 * commas by Node (or kept as the first one, for Authorization): either way exactly one value is looked at. Of a parameter or a cookie
 * that came several times, the first counts.
 */
export function credentialAt(places: readonly Place[], caller: Caller): string | undefined {
  for (const place of places) {
    const value = valueAt(place, caller);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

function valueAt(place: Place, caller: Caller): string | undefined {
  if (place.in === 'param') return param(caller.query, place.name);
  if (place.in === 'cookie') return caller.headers.cookie === undefined ? undefined : cookie(caller.headers.cookie, place.name);
  const value = headerValue(caller.headers[place.name]);
  if (value === undefined || place.prefix === '') return value;
  if (value.slice(0, place.prefix.length).toLowerCase() === place.prefix.toLowerCase()) return value.slice(place.prefix.length).trim();
  return place.prefixRequired ? undefined : value;
}

/** A header's one value, as Node joins the values of a repeated header. */
export function headerValue(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(', ') : value;
}

/** Names the places for an error message: `header x-api-key, parameter key or cookie session`. */
export function describePlaces(places: readonly Place[]): string {
  const names = places.map((place) => {
    if (place.in === 'param') return `query parameter ${place.name}`;
    if (place.in === 'cookie') return `cookie ${place.name}`;
    const prefix = place.prefixRequired || place.name === 'authorization' ? place.prefix.trim() : '';
    return prefix === '' ? `header ${place.name}` : `header ${place.name} (${prefix} …)`;
  });
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;
}

/** `%41` → `A`; what is no escape stays as it is, and so does `+`. */
function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function paramName(pair: string): string {
  const equals = pair.indexOf('=');
  return decode(equals === -1 ? pair : pair.slice(0, equals));
}

function param(query: string, name: string): string | undefined {
  if (query.length < 2) return undefined;
  for (const pair of query.slice(1).split('&')) {
    const equals = pair.indexOf('=');
    if (equals !== -1 && paramName(pair) === name) return decode(pair.slice(equals + 1));
  }
  return undefined;
}

function cookieName(pair: string): string {
  const equals = pair.indexOf('=');
  return (equals === -1 ? pair : pair.slice(0, equals)).trim();
}

function cookie(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || cookieName(pair) !== name) continue;
    const value = pair.slice(equals + 1).trim();
    return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return undefined;
}

/** The query (from `?` on, or empty) without the parameters of these names, read as {@link credentialAt} reads them. */
export function withoutParams(query: string, names: ReadonlySet<string>): string {
  return names.size === 0 ? query : filterParams(query, (name) => !names.has(name));
}

/** The query with the parameters whose decoded names are wanted. */
export function filterParams(query: string, wanted: (name: string) => boolean): string {
  if (query.length < 2) return query;
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => wanted(paramName(pair)));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** The Cookie header without the cookies of these names; undefined when none is left. */
export function withoutCookies(header: string, names: ReadonlySet<string>): string | undefined {
  if (names.size === 0) return header;
  const kept = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !names.has(cookieName(pair)));
  return kept.length === 0 ? undefined : kept.join('; ');
}
