import type { HTTPHeaderFilter } from '../resources/gateway-api/header-filter.ts';
import type {
  HTTPBackendFilter,
  HTTPPathModifier,
  HTTPRequestRedirect,
  HTTPRouteFilter,
} from '../resources/gateway-api/http-route-filter.ts';

import { compileRouteCors } from '../identify/cors.ts';
import type { Cors } from '../identify/identity.ts';
import type { Mirror } from './mirror.ts';
import type { AnswerEdits } from './rule.ts';

/** Header edits of a request: `set` replaces, `add` appends, `remove` takes away. */
export interface RequestEdits {
  readonly replaced: ReadonlySet<string>;
  /** Flat, for both `set` and `add`. */
  readonly lines: readonly string[];
}

/** Filters of an HTTPRoute's rule. */
export interface OrdinaryFilters {
  readonly request: RequestEdits | undefined;
  readonly answer: AnswerEdits | undefined;
  readonly redirect: HTTPRequestRedirect | undefined;
  readonly rewriteHost: string | undefined;
  readonly rewritePath: HTTPPathModifier | undefined;
  readonly cors: Cors | undefined;
  readonly mirrors: readonly Mirror[];
}

/** @param mirrors those of the filters that copy requests, with their backends looked up */
export function filtersOf(filters: readonly (HTTPRouteFilter | HTTPBackendFilter)[], mirrors: readonly Mirror[] = []): OrdinaryFilters {
  let request: RequestEdits | undefined;
  let answer: AnswerEdits | undefined;
  let redirect: HTTPRequestRedirect | undefined;
  let rewriteHost: string | undefined;
  let rewritePath: HTTPPathModifier | undefined;
  let cors: Cors | undefined;
  for (const filter of filters) {
    switch (filter.type) {
      case 'RequestHeaderModifier':
        request = requestEdits(filter.requestHeaderModifier);
        break;
      case 'ResponseHeaderModifier':
        answer = answerEdits(filter.responseHeaderModifier);
        break;
      case 'RequestRedirect':
        redirect = filter.requestRedirect;
        break;
      case 'URLRewrite':
        rewriteHost = filter.urlRewrite.hostname;
        rewritePath = filter.urlRewrite.path;
        break;
      case 'CORS':
        cors = compileRouteCors(filter.cors);
        break;
      case 'RequestMirror':
        break;
    }
  }
  return { request, answer, redirect, rewriteHost, rewritePath, cors, mirrors };
}

function requestEdits({ set = [], add = [], remove = [] }: HTTPHeaderFilter): RequestEdits {
  return {
    replaced: new Set([...set.map(({ name }) => name.toLowerCase()), ...remove.map((name) => name.toLowerCase())]),
    lines: [...set, ...add].flatMap(({ name, value }) => [name.toLowerCase(), value]),
  };
}

function answerEdits({ set = [], add = [], remove = [] }: HTTPHeaderFilter): AnswerEdits {
  return {
    set: set.map(({ name, value }) => [name.toLowerCase(), value]),
    add: add.map(({ name, value }) => [name.toLowerCase(), value]),
    remove: remove.map((name) => name.toLowerCase()),
  };
}

/** Applies edits to the headers of an answer, in place. */
export function editAnswer(headers: Record<string, string | string[]>, edits: AnswerEdits | undefined): void {
  if (edits === undefined) return;
  for (const name of edits.remove) delete headers[name];
  for (const [name, value] of edits.set) headers[name] = value;
  for (const [name, value] of edits.add) headers[name] = [headers[name] ?? [], value].flat();
}

/** The path after a modifier; `prefix` is the one by which the rule matched. */
export function modifiedPath(path: string, modifier: HTTPPathModifier | undefined, prefix: string): string {
  if (modifier === undefined) return path;
  if (modifier.type === 'ReplaceFullPath') return absolute(modifier.replaceFullPath);
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  const rest = path.slice(bare.length);
  return absolute(modifier.replacePrefixMatch.replace(/\/$/, '') + rest);
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/** Value of Location (Gateway API HTTPRequestRedirectFilter): what the filter leaves out is taken from the request. */
export function redirectLocation(
  redirect: HTTPRequestRedirect,
  request: { scheme: string; host: string; port: number; path: string; query: string },
  prefix: string,
): string {
  const scheme = redirect.scheme ?? request.scheme;
  const usual = scheme === 'https' ? 443 : 80;
  // A scheme without a port means the scheme's own port; else the listener's.
  const port = redirect.port ?? (redirect.scheme === undefined ? request.port : usual);
  const host = redirect.hostname ?? request.host;
  return `${scheme}://${host}${port === usual ? '' : `:${port}`}${modifiedPath(request.path, redirect.path, prefix)}${request.query}`;
}
