import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { Duration, durationMs, Hostname, list, object, oneOf, SectionName, type Static, text, Type } from '../schema.ts';
import { backendObjectReferenceFields, checkBackendPort } from './backend-object-reference.ts';
import { withDefault } from './collections.ts';
import { checkValueMatches, HTTPHeaderMatch, HTTPQueryParamMatch } from './header-match.ts';
import { checkFilters, HTTPBackendFilters, HTTPRouteFilters, refusedFilters, replacesPrefix } from './http-route-filter.ts';
import { checkParents, ParentReference } from './parent-reference.ts';
import { checkRegularExpression } from './regular-expression.ts';

const HTTPPathMatch = object({
  type: oneOf(['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' }),
  value: withDefault(text(1024, 0), '/'),
});
export type HTTPPathMatch = Static<typeof HTTPPathMatch>;

/** A request matches when it fits the path, the method, every header and every query parameter. */
const HTTPRouteMatch = object({
  path: withDefault(HTTPPathMatch, { type: 'PathPrefix', value: '/' }),
  headers: Type.Optional(list(HTTPHeaderMatch, 16)),
  queryParams: Type.Optional(list(HTTPQueryParamMatch, 16)),
  method: Type.Optional(oneOf(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])),
});
export type HTTPRouteMatch = Static<typeof HTTPRouteMatch>;

const HTTPBackendRef = object({
  ...backendObjectReferenceFields,
  weight: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 1 }),
  filters: Type.Optional(HTTPBackendFilters),
});
export type HTTPBackendRef = Static<typeof HTTPBackendRef>;

const EVERY_PATH: HTTPRouteMatch[] = [{ path: { type: 'PathPrefix', value: '/' } }];

const HTTPRouteRule = object({
  name: Type.Optional(SectionName),
  /** One of them has to match. */
  matches: withDefault(list(HTTPRouteMatch, 64), EVERY_PATH),
  filters: Type.Optional(HTTPRouteFilters),
  backendRefs: Type.Optional(list(HTTPBackendRef, 16)),
  /** `0s` is no limit. `request` is for the whole exchange with the client, `backendRequest` for one attempt. */
  timeouts: Type.Optional(object({ request: Type.Optional(Duration), backendRequest: Type.Optional(Duration) })),
  /** Of the experimental channel (GEP-1731). `attempts` counts what follows the first one; `backoff` is the least pause between two. */
  retry: Type.Optional(
    object({
      codes: Type.Optional(Type.Array(Type.Integer({ minimum: 400, maximum: 599 }))),
      attempts: Type.Optional(Type.Integer({ minimum: 0 })),
      backoff: Type.Optional(Duration),
    }),
  ),
});
export type HTTPRouteRule = Static<typeof HTTPRouteRule>;

export const HTTPRoute = defineKind({
  kind: 'HTTPRoute',
  group: 'gateway.networking.k8s.io',
  versions: ['v1', 'v1beta1'],
  namespaced: true,
  schema: object({
    spec: object({
      parentRefs: Type.Optional(list(ParentReference, 32)),
      hostnames: Type.Optional(list(Hostname, 16)),
      rules: withDefault(list(HTTPRouteRule, 16, 1), [{ matches: EVERY_PATH }]),
    }),
  }),
  refused: {
    ...refusedFilters('spec.rules[].filters', false),
    ...refusedFilters('spec.rules[].backendRefs[].filters', true),
    'spec.rules[].sessionPersistence': 'a session is not bound to a backend: each request is sent where it is served best',
    'spec.useDefaultGateways': 'a route attaches to the Gateways that its parentRefs name, and to no other',
  },
  rules({ spec }, report) {
    checkParents(spec.parentRefs ?? [], 'spec.parentRefs', report);
    const matches = spec.rules.reduce((total, rule) => total + rule.matches.length, 0);
    if (matches > 128) report('spec.rules', `have ${matches} matches; a route may have 128`);
    for (const [index, rule] of spec.rules.entries()) checkRule(rule, `spec.rules[${index}]`, report);
  },
});
export type HTTPRoute = ResourceOf<typeof HTTPRoute>;

function checkRule(rule: HTTPRouteRule, path: string, report: Report): void {
  const filters = rule.filters ?? [];
  const backends = rule.backendRefs ?? [];
  for (const [index, match] of rule.matches.entries()) checkMatch(match, `${path}.matches[${index}]`, report);
  checkFilters(filters, `${path}.filters`, report);
  for (const [index, backend] of backends.entries()) {
    checkBackendPort(backend, `${path}.backendRefs[${index}]`, report);
    checkFilters(backend.filters ?? [], `${path}.backendRefs[${index}].filters`, report);
  }
  if (backends.length > 0 && filters.some((filter) => filter.type === 'RequestRedirect')) {
    report(`${path}.backendRefs`, 'must be empty: the rule redirects its requests, so none is sent to a backend');
  }
  if (filters.some((filter) => filter.type === 'RequestMirror') && backends.some(({ kind }) => kind === 'InferencePool')) {
    report(`${path}.filters`, 'copy requests for an InferencePool: the copy of a model call would be charged like the call');
  }
  if (filters.some(replacesPrefix) && (rule.matches.length !== 1 || rule.matches[0]?.path.type !== 'PathPrefix')) {
    report(`${path}.matches`, 'must be one match by PathPrefix: a filter of the rule replaces that prefix');
  }
  checkTimeouts(rule.timeouts ?? {}, `${path}.timeouts`, report);
}

function checkMatch(match: HTTPRouteMatch, path: string, report: Report): void {
  checkPath(match.path, `${path}.path.value`, report);
  checkValueMatches(match.headers ?? [], `${path}.headers`, report);
  checkValueMatches(match.queryParams ?? [], `${path}.queryParams`, report);
}

const PATH_CHARACTERS = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/;

/** Paths that a server would read as another path, or not at all, are no paths to match by. */
function checkPath({ type, value }: HTTPPathMatch, path: string, report: Report): void {
  if (type === 'RegularExpression') {
    checkRegularExpression(value, path, report);
    return;
  }
  const fault = faultOf(value);
  if (fault !== undefined) report(path, `${JSON.stringify(value)} ${fault}`);
}

function faultOf(value: string): string | undefined {
  if (!value.startsWith('/')) return 'must start with "/"';
  for (const part of ['//', '/./', '/../', '%2f', '%2F', '#']) if (value.includes(part)) return `must not contain "${part}"`;
  for (const end of ['/.', '/..']) if (value.endsWith(end)) return `must not end with "${end}"`;
  return PATH_CHARACTERS.test(value) ? undefined : 'has a character that a path cannot have; write it as %XX';
}

function checkTimeouts({ request, backendRequest }: { request?: string; backendRequest?: string }, path: string, report: Report): void {
  if (request === undefined || backendRequest === undefined || durationMs(request) === 0) return;
  if (durationMs(backendRequest) > durationMs(request)) {
    report(`${path}.backendRequest`, `${backendRequest} is longer than timeouts.request, which is ${request}`);
  }
}
