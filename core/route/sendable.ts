import { OF_FRAMING } from '../http/headers.ts';
import { isHeaderValue } from '../http/sendable.ts';
import type { HTTPHeaderFilter } from '../resources/gateway-api/header-filter.ts';
import type { HTTPBackendFilter, HTTPPathModifier, HTTPRouteFilter } from '../resources/gateway-api/http-route-filter.ts';

type ReportAt = (path: string, message: string) => void;

const PATH = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$/;

interface Header {
  readonly name: string;
  readonly value: string;
}

/** Reports headers of a route that no message can carry, once, instead of a failure of every request. */
export function checkHeaders(headers: readonly Header[], path: string, owned: readonly string[], report: ReportAt): void {
  for (const [index, { name, value }] of headers.entries()) {
    const lower = name.toLowerCase();
    if (OF_FRAMING.has(lower) || owned.includes(lower)) report(`${path}[${index}].name`, `${name} is written by the gateway itself`);
    if (!isHeaderValue(value)) report(`${path}[${index}].value`, 'has a character that no header can carry');
  }
}

/** Reports filters whose headers or paths cannot be sent. */
export function checkFilters(filters: readonly (HTTPRouteFilter | HTTPBackendFilter)[], path: string, report: ReportAt): void {
  for (const [index, filter] of filters.entries()) {
    const at = `${path}[${index}]`;
    switch (filter.type) {
      case 'RequestHeaderModifier':
        // A request has one host; `set` replaces it.
        checkFilter(filter.requestHeaderModifier, `${at}.requestHeaderModifier`, ['host'], report);
        break;
      case 'ResponseHeaderModifier':
        checkFilter(filter.responseHeaderModifier, `${at}.responseHeaderModifier`, [], report);
        break;
      case 'RequestRedirect':
        checkPath(filter.requestRedirect.path, `${at}.requestRedirect.path`, report);
        break;
      case 'URLRewrite':
        checkPath(filter.urlRewrite.path, `${at}.urlRewrite.path`, report);
        break;
      // A mirror gets what the request has; the names and origins of CORS are checked where they are read.
      case 'RequestMirror':
      case 'CORS':
        break;
    }
  }
}

function checkFilter({ set = [], add = [] }: HTTPHeaderFilter, path: string, ownedByAdd: readonly string[], report: ReportAt): void {
  checkHeaders(set, `${path}.set`, [], report);
  checkHeaders(add, `${path}.add`, ownedByAdd, report);
}

function checkPath(modifier: HTTPPathModifier | undefined, path: string, report: ReportAt): void {
  if (modifier === undefined) return;
  const [field, value] =
    modifier.type === 'ReplaceFullPath'
      ? ['replaceFullPath', modifier.replaceFullPath]
      : ['replacePrefixMatch', modifier.replacePrefixMatch];
  if (!PATH.test(value)) report(`${path}.${field}`, `${JSON.stringify(value)} has a character that a path cannot have; write it as %XX`);
}
