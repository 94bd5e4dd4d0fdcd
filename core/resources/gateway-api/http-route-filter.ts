import type { Report } from '../kind.ts';
import { HeaderName, list, object, oneOf, PortNumber, type Static, text, Type } from '../schema.ts';
import { BackendObjectReference, checkBackendPort } from './backend-object-reference.ts';
import { reportRepeated, set } from './collections.ts';
import { checkHeaderFilter, HTTPHeaderFilter } from './header-filter.ts';

/** A host name without a wildcard. */
const PreciseHostname = text(253, 1, '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$');

/** A new path: all of it, or in place of the prefix by which the rule matched. */
export type HTTPPathModifier =
  | { type: 'ReplaceFullPath'; replaceFullPath: string }
  | { type: 'ReplacePrefixMatch'; replacePrefixMatch: string };

const HTTPPathModifier = Type.Unsafe<HTTPPathModifier>(
  object({
    type: oneOf(['ReplaceFullPath', 'ReplacePrefixMatch']),
    replaceFullPath: Type.Optional(text(1024, 0)),
    replacePrefixMatch: Type.Optional(text(1024, 0)),
  }),
);

const HTTPRequestRedirect = object({
  /** Absent: the scheme, host name, port, path of the request. */
  scheme: Type.Optional(oneOf(['http', 'https'])),
  hostname: Type.Optional(PreciseHostname),
  path: Type.Optional(HTTPPathModifier),
  port: Type.Optional(PortNumber),
  statusCode: Type.Unsafe<301 | 302 | 303 | 307 | 308>({ type: 'integer', enum: [301, 302, 303, 307, 308], default: 302 }),
});
export type HTTPRequestRedirect = Static<typeof HTTPRequestRedirect>;

const HTTPURLRewrite = object({ hostname: Type.Optional(PreciseHostname), path: Type.Optional(HTTPPathModifier) });
export type HTTPURLRewrite = Static<typeof HTTPURLRewrite>;

/** A copy of every request, or of a share of them, goes to one more backend; its answer is nobody's. */
const HTTPRequestMirror = object({
  backendRef: BackendObjectReference,
  percent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  fraction: Type.Optional(object({ numerator: Type.Integer({ minimum: 0 }), denominator: Type.Integer({ minimum: 1, default: 100 }) })),
});
export type HTTPRequestMirror = Static<typeof HTTPRequestMirror>;

/** `*`, or scheme, host (all of it or its first labels may be `*`) and port. */
const CORSOrigin = text(253, 1, String.raw`^(\*|https?://((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9\-]+|\*)(:[0-9]{1,5})?)$`);

const HTTPCORS = object({
  allowOrigins: Type.Optional(set(Type.Unsafe<string>({ ...CORSOrigin, description: 'origin such as https://*.example.com' }), 64)),
  allowMethods: Type.Optional(set(oneOf(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*']), 9)),
  allowHeaders: Type.Optional(set(HeaderName, 64)),
  exposeHeaders: Type.Optional(set(HeaderName, 64)),
  /** Seconds. */
  maxAge: Type.Integer({ minimum: 1, maximum: 2_147_483_647, default: 5 }),
  allowCredentials: Type.Optional(Type.Boolean()),
});
export type HTTPCORS = Static<typeof HTTPCORS>;

/** Filter of one backend of a rule. */
export type HTTPBackendFilter =
  | { type: 'RequestHeaderModifier'; requestHeaderModifier: HTTPHeaderFilter }
  | { type: 'ResponseHeaderModifier'; responseHeaderModifier: HTTPHeaderFilter };

/** Filter of a rule. */
export type HTTPRouteFilter =
  | HTTPBackendFilter
  | { type: 'RequestRedirect'; requestRedirect: HTTPRequestRedirect }
  | { type: 'URLRewrite'; urlRewrite: HTTPURLRewrite }
  | { type: 'RequestMirror'; requestMirror: HTTPRequestMirror }
  | { type: 'CORS'; cors: HTTPCORS };

const headerMembers = {
  requestHeaderModifier: Type.Optional(HTTPHeaderFilter),
  responseHeaderModifier: Type.Optional(HTTPHeaderFilter),
};

export const HTTPBackendFilters = list(
  Type.Unsafe<HTTPBackendFilter>(object({ type: oneOf(['RequestHeaderModifier', 'ResponseHeaderModifier']), ...headerMembers })),
  16,
);

export const HTTPRouteFilters = list(
  Type.Unsafe<HTTPRouteFilter>(
    object({
      type: oneOf(['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite', 'RequestMirror', 'CORS']),
      ...headerMembers,
      requestRedirect: Type.Optional(HTTPRequestRedirect),
      urlRewrite: Type.Optional(HTTPURLRewrite),
      requestMirror: Type.Optional(HTTPRequestMirror),
      cors: Type.Optional(HTTPCORS),
    }),
  ),
  16,
);

const NOT_SERVED: Record<string, string> = {
  externalAuth: 'no other service is asked whether a request may pass; a SecurityPolicy says who the clients are',
  extensionRef: 'filters of other API groups are not known here',
};

const BEFORE_BACKENDS: Record<string, string> = {
  requestRedirect: 'a redirect is answered before a backend is chosen; put it into the filters of the rule',
  urlRewrite: 'the URL is rewritten once for all backends of a rule; put the filter into the filters of the rule',
  requestMirror: 'a request is copied for all backends of a rule; put the filter into the filters of the rule',
  cors: 'browsers are answered before a backend is chosen; put the filter into the filters of the rule',
};

/** Entries of a kind's refused list for the filters at a path: the types, and the members that hold their settings. */
export function refusedFilters(path: string, ofBackend: boolean): Record<string, string> {
  const refused: Record<string, string> = {};
  for (const [member, reason] of Object.entries(ofBackend ? { ...NOT_SERVED, ...BEFORE_BACKENDS } : NOT_SERVED)) {
    refused[`${path}[].type=${typeOf(member)}`] = reason;
    refused[`${path}[].${member}`] = reason;
  }
  return refused;
}

const MEMBERS = ['requestHeaderModifier', 'responseHeaderModifier', 'requestRedirect', 'urlRewrite', 'requestMirror', 'cors'] as const;

/** `requestRedirect` → `RequestRedirect`: the type of filter that a member belongs to. */
function typeOf(member: string): string {
  if (member === 'urlRewrite') return 'URLRewrite';
  if (member === 'cors') return 'CORS';
  return `${member[0]!.toUpperCase()}${member.slice(1)}`;
}

/**
 * A filter has the member that its type names and no other; each type but RequestMirror stands once; a request that is redirected is neither
 * rewritten nor copied.
 */
export function checkFilters(filters: readonly HTTPRouteFilter[], path: string, report: Report): void {
  reportRepeated(
    filters,
    (filter) => (filter.type === 'RequestMirror' ? undefined : filter.type),
    (index) => `${path}[${index}].type`,
    (filter) => `a filter of type ${filter.type} stands here twice`,
    report,
  );
  const types = new Set(filters.map((filter) => filter.type));
  if (types.has('RequestRedirect') && types.has('URLRewrite')) {
    report(path, 'has both a RequestRedirect and a URLRewrite; a request that is redirected is not sent on');
  }
  if (types.has('RequestRedirect') && types.has('RequestMirror')) {
    report(path, 'has both a RequestRedirect and a RequestMirror; a request that is redirected is not sent anywhere');
  }
  for (const [index, filter] of filters.entries()) checkFilter(filter, `${path}[${index}]`, report);
}

function checkFilter(filter: HTTPRouteFilter, path: string, report: Report): void {
  const members: Partial<Record<(typeof MEMBERS)[number], unknown>> = filter;
  let complete = true;
  for (const member of MEMBERS) {
    const wanted = typeOf(member) === filter.type;
    if (wanted === (members[member] !== undefined)) continue;
    report(
      `${path}.${member}`,
      wanted ? `is required for a filter of type ${filter.type}` : `does not belong to a filter of type ${filter.type}`,
    );
    if (wanted) complete = false;
  }
  if (!complete) return;
  switch (filter.type) {
    case 'RequestHeaderModifier':
      checkHeaderFilter(filter.requestHeaderModifier, `${path}.requestHeaderModifier`, report);
      break;
    case 'ResponseHeaderModifier':
      checkHeaderFilter(filter.responseHeaderModifier, `${path}.responseHeaderModifier`, report);
      break;
    case 'RequestRedirect':
      checkPathModifier(filter.requestRedirect.path, `${path}.requestRedirect.path`, report);
      break;
    case 'URLRewrite':
      checkPathModifier(filter.urlRewrite.path, `${path}.urlRewrite.path`, report);
      break;
    case 'RequestMirror':
      checkMirror(filter.requestMirror, `${path}.requestMirror`, report);
      break;
    case 'CORS':
      checkCors(filter.cors, `${path}.cors`, report);
      break;
  }
}

function checkMirror({ backendRef, percent, fraction }: HTTPRequestMirror, path: string, report: Report): void {
  checkBackendPort(backendRef, `${path}.backendRef`, report);
  if (percent !== undefined && fraction !== undefined) report(path, 'has both percent and fraction; one of them says the share');
  if (fraction !== undefined && fraction.numerator > fraction.denominator) {
    report(`${path}.fraction.numerator`, `${fraction.numerator} is more than the denominator, which is ${fraction.denominator}`);
  }
}

/** A wildcard makes every other entry meaningless (CEL rules of HTTPCORSFilter). */
function checkCors(cors: HTTPCORS, path: string, report: Report): void {
  for (const field of ['allowOrigins', 'allowMethods', 'allowHeaders'] as const) {
    const values: readonly string[] = cors[field] ?? [];
    if (values.length > 1 && values.includes('*')) report(`${path}.${field}`, 'has "*" beside other entries; "*" stands for all of them');
  }
}

function checkPathModifier(modifier: HTTPPathModifier | undefined, path: string, report: Report): void {
  if (modifier === undefined) return;
  const { type, replaceFullPath, replacePrefixMatch }: { type: string; replaceFullPath?: string; replacePrefixMatch?: string } = modifier;
  for (const [member, value, owner] of [
    ['replaceFullPath', replaceFullPath, 'ReplaceFullPath'],
    ['replacePrefixMatch', replacePrefixMatch, 'ReplacePrefixMatch'],
  ] as const) {
    if (owner === type && value === undefined) report(`${path}.${member}`, `is required for type ${type}`);
    if (owner !== type && value !== undefined) report(`${path}.${member}`, `does not belong to type ${type}`);
  }
}

/** Whether a filter replaces the prefix by which its rule matched. */
export function replacesPrefix(filter: HTTPRouteFilter): boolean {
  if (filter.type === 'RequestRedirect') return filter.requestRedirect?.path?.type === 'ReplacePrefixMatch';
  return filter.type === 'URLRewrite' && filter.urlRewrite?.path?.type === 'ReplacePrefixMatch';
}
