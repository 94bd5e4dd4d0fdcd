import type { IncomingHttpHeaders } from 'node:http';

import type { Security } from '../identify/identity.ts';
import type { Match, Rule, ValueMatch } from './rule.ts';

export const MODEL_HEADER = 'x-ai-eg-model';
/** The same under the name that body-based routers of the Gateway API Inference Extension set, as HTTPRoutes of KServe match it. */
const ROUTER_MODEL_HEADER = 'x-gateway-model-name';

/** What the route stage looks at. */
export interface RoutedRequest {
  readonly method: string;
  readonly path: string;
  /** From `?` on, or empty. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** Model of the body; routes see it as the header x-ai-eg-model. */
  readonly model: string | undefined;
}

/** Matches of one host name, so arranged that a look-up sees few of them. */
export class MatchIndex {
  readonly #byModel = new Map<string, Match[]>();
  readonly #byPath = new Map<string, Match[]>();
  readonly #bySegment = new Map<string, Match[]>();
  readonly #others: Match[] = [];
  readonly #matches: readonly Match[];
  readonly #rules: readonly Rule[];
  readonly #policies: readonly Security[];
  /** The one policy of all rules; `varies` when there are several: then the caller is identified after routing. */
  readonly security: Security | undefined | 'varies';
  /** Whether AIGatewayRoutes are among the routes. */
  readonly hasAi: boolean;
  /** Whether requests to model APIs are read: for those, and for HTTPRoutes that lead to pools. */
  readonly hasApi: boolean;

  /** @param matches in the order of their rank */
  constructor(matches: readonly Match[]) {
    this.#matches = matches;
    for (const match of matches) this.#place(match);
    this.#rules = [...new Set(matches.map((match) => match.rule))];
    const policies = new Set(this.#rules.map((rule) => rule.security));
    this.#policies = [...policies].flatMap((policy) => policy ?? []);
    this.security = policies.size > 1 ? 'varies' : [...policies][0];
    this.hasAi = this.#rules.some((rule) => rule.ai);
    this.hasApi = this.#rules.some((rule) => rule.ai || rule.pooled);
  }

  #place(match: Match): void {
    const model = match.headers.find(isModel)?.exact;
    if (model !== undefined) append(this.#byModel, model, match);
    else if (match.path.type === 'exact') append(this.#byPath, match.path.value, match);
    else if (match.path.type === 'prefix' && match.path.value !== '/') append(this.#bySegment, firstSegment(match.path.value), match);
    else this.#others.push(match);
  }

  find(request: RoutedRequest): Match | undefined {
    const { model, path } = request;
    let best: Match | undefined;
    if (model !== undefined) best = better(best, this.#byModel.get(model), request);
    if (this.#byPath.size > 0) best = better(best, this.#byPath.get(path), request);
    if (this.#bySegment.size > 0) best = better(best, this.#bySegment.get(firstSegment(path)), request);
    return better(best, this.#others, request);
  }

  rules(): readonly Rule[] {
    return this.#rules;
  }

  /** All matches, in the order of precedence. */
  matches(): readonly Match[] {
    return this.#matches;
  }

  /** The policies of all rules, each once. */
  policies(): Iterable<Security> {
    return this.#policies;
  }

  /** Names to suggest from when a model is not served. */
  modelNames(): string[] {
    return [...this.#byModel.keys()];
  }
}

function append(map: Map<string, Match[]>, key: string, match: Match): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [match]);
  else list.push(match);
}

function better(best: Match | undefined, matches: readonly Match[] | undefined, request: RoutedRequest): Match | undefined {
  if (matches === undefined) return best;
  for (const match of matches) {
    if (best !== undefined && match.rank > best.rank) return best;
    if (fits(match, request)) return match;
  }
  return best;
}

function isModel({ name }: ValueMatch): boolean {
  return name === MODEL_HEADER || name === ROUTER_MODEL_HEADER;
}

function firstSegment(path: string): string {
  const end = path.indexOf('/', 1);
  return end === -1 ? path : path.slice(0, end);
}

function fits(match: Match, request: RoutedRequest): boolean {
  if (match.method !== undefined && match.method !== request.method) return false;
  const { path } = match;
  if (path.type === 'exact' && path.value !== request.path) return false;
  if (path.type === 'prefix' && !hasPrefix(request.path, path.value)) return false;
  if (path.type === 'pattern' && !path.fits(request.path)) return false;
  for (const header of match.headers) {
    const value = isModel(header) ? request.model : request.headers[header.name];
    if (!valueFits(header, typeof value === 'string' ? value : value?.join(','))) return false;
  }
  if (match.query.length === 0) return true;
  const params = new URLSearchParams(request.query);
  return match.query.every((param) => valueFits(param, params.get(param.name) ?? undefined));
}

/** By whole segments: `/a` is a prefix of `/a` and `/a/b`, not of `/ab`. */
export function hasPrefix(path: string, prefix: string): boolean {
  if (prefix === '/') return true;
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return path.startsWith(bare) && (path.length === bare.length || path[bare.length] === '/');
}

function valueFits(match: ValueMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  return match.pattern === undefined ? value === match.exact : match.pattern(value);
}

/** Host names of one listener: exact ones, wildcards, and what takes any host. */
export class HostTable {
  readonly #exact = new Map<string, MatchIndex>();
  readonly #wildcards: (readonly [suffix: string, index: MatchIndex])[] = [];
  readonly #any: MatchIndex | undefined;
  readonly #entries: readonly (readonly [host: string, index: MatchIndex])[];

  /** @param byHost matches by host name, `*.suffix`, or `*` for any. */
  constructor(byHost: ReadonlyMap<string, MatchIndex>) {
    for (const [host, index] of byHost) {
      if (host.startsWith('*.')) this.#wildcards.push([host.slice(1), index]);
      else if (host !== '*') this.#exact.set(host, index);
    }
    this.#any = byHost.get('*');
    this.#entries = [...byHost];
    this.#wildcards.sort(([a], [b]) => b.length - a.length);
  }

  /** Every host name with its rules. */
  entries(): readonly (readonly [host: string, index: MatchIndex])[] {
    return this.#entries;
  }

  /**
   * The rules for a host: those of its own name, else of the longest wildcard, else of any host. A request never falls through to a
   * less specific name, as with the reference: one tenant's host does not reach what others are served.
   */
  index(host: string): MatchIndex | undefined {
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    for (const [suffix, index] of this.#wildcards) if (host.endsWith(suffix) && host.length > suffix.length) return index;
    return this.#any;
  }
}
