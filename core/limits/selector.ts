import { compilePattern, type Pattern } from '../http/pattern.ts';
import { type Cidr, contains, parseAddress, parseCidr } from '../identify/cidr.ts';
import type { ClientSelector, NamedMatch } from '../resources/envoy-gateway/client-selector.ts';
import type { Report } from '../resources/kind.ts';
import { hasPrefix } from '../route/table.ts';
import type { LimitedRequest } from './rule.ts';
import { ADDRESS, headerSource, type Owner, paramSource, type Source, valueOf } from './source.ts';
import { boundSubject, joinSubjects } from './subject.ts';

type Condition =
  | { readonly kind: 'exact'; readonly source: Source; readonly value: string; readonly invert: boolean }
  | { readonly kind: 'pattern'; readonly source: Source; readonly fits: Pattern; readonly invert: boolean }
  | { readonly kind: 'method'; readonly methods: readonly { readonly value: string; readonly invert: boolean }[] }
  | { readonly kind: 'path'; readonly fits: Pattern; readonly invert: boolean }
  | { readonly kind: 'address'; readonly range: Cidr; readonly invert: boolean };

/**
 * Compiled `clientSelectors`: which requests a limit holds for, and what of them names their count. A header, parameter or address of
 * type `Distinct` counts each value apart, and a request without it is not limited; several of them count each combination apart.
 */
export class Selector {
  readonly #conditions: readonly Condition[];
  readonly #keys: readonly Source[];

  constructor(conditions: readonly Condition[], keys: readonly Source[]) {
    this.#conditions = conditions;
    this.#keys = keys;
    Object.freeze(this);
  }

  /** Headers and parameters that name a count and that clients write themselves. */
  get clientNamed(): readonly string[] {
    return this.#keys.flatMap(({ from, name }) => (from === 'header' ? [`header ${name}`] : from === 'param' ? [`parameter ${name}`] : []));
  }

  /** As {@link LimitRule.subject}. */
  subject(request: LimitedRequest): string | undefined {
    for (const condition of this.#conditions) if (!holds(condition, request)) return undefined;
    const keys = this.#keys;
    if (keys.length === 0) return '';
    if (keys.length === 1) {
      const value = valueOf(keys[0]!, request);
      return value === undefined ? undefined : boundSubject(value, keys[0]!.secret);
    }
    const values: string[] = [];
    for (const key of keys) {
      const value = valueOf(key, request);
      if (value === undefined) return undefined;
      values.push(boundSubject(value, key.secret));
    }
    return joinSubjects(values);
  }
}

/** Holds for every request, and counts all of them together. */
export const EVERYONE = new Selector([], []);

/**
 * @param selectors that the kind's own checks have passed: a request has to fit all of them
 * @param owner the SecurityPolicy by which the requests are identified
 * @param path of the list, for the report
 */
export function compileSelectors(
  selectors: readonly ClientSelector[] | undefined,
  owner: Owner | undefined,
  path: string,
  report: Report,
): Selector {
  if (selectors === undefined || selectors.length === 0) return EVERYONE;
  const conditions: Condition[] = [];
  const keys: Source[] = [];
  const add = (match: NamedMatch, source: Source, at: string): void => {
    if (match.type === 'Distinct') keys.push(source);
    else {
      if (source.from === 'client') report(at, wrongPlace(source.name, owner!.name));
      conditions.push(named(match, source));
    }
  };
  for (const [index, selector] of selectors.entries()) {
    const at = `${path}[${index}]`;
    const { headers = [], methods = [], queryParams = [], path: matched, sourceCIDR } = selector;
    if (methods.length > 0) conditions.push({ kind: 'method', methods });
    if (matched !== undefined) conditions.push({ kind: 'path', fits: pathPattern(matched), invert: matched.invert });
    if (sourceCIDR !== undefined) {
      conditions.push({ kind: 'address', range: parseCidr(sourceCIDR.value)!, invert: sourceCIDR.invert });
      if (sourceCIDR.type === 'Distinct') keys.push(ADDRESS);
    }
    for (const [place, match] of headers.entries()) add(match, headerSource(match.name, owner), `${at}.headers[${place}]`);
    for (const [place, match] of queryParams.entries()) add(match, paramSource(match.name, owner), `${at}.queryParams[${place}]`);
  }
  return new Selector(Object.freeze(conditions), Object.freeze(keys));
}

function wrongPlace(name: string, policy: string): string {
  return (
    `${policy} reads a credential from ${name}, and a credential is no text to compare with; ` +
    'match a header that the policy sets (forwardClientIDHeader, claimToHeaders), or count each client apart with type Distinct'
  );
}

function named({ type, value = '', invert }: NamedMatch, source: Source): Condition {
  if (type === 'RegularExpression') return { kind: 'pattern', source, fits: compilePattern(value), invert };
  return { kind: 'exact', source, value, invert };
}

function pathPattern({ type, value }: NonNullable<ClientSelector['path']>): Pattern {
  if (type === 'RegularExpression') return compilePattern(value);
  if (type === 'Exact') return (path) => path === value;
  return (path) => hasPrefix(path, value);
}

/** An absent value is no value that fits: the inverse of a match takes it. */
function holds(condition: Condition, request: LimitedRequest): boolean {
  switch (condition.kind) {
    case 'exact':
      return (valueOf(condition.source, request) === condition.value) !== condition.invert;
    case 'pattern': {
      const value = valueOf(condition.source, request);
      return (value !== undefined && condition.fits(value)) !== condition.invert;
    }
    case 'method':
      for (const { value, invert } of condition.methods) if ((request.method === value) !== invert) return true;
      return false;
    case 'path':
      return condition.fits(request.path) !== condition.invert;
    case 'address': {
      const address = parseAddress(request.address);
      return (address !== undefined && contains(condition.range, address)) !== condition.invert;
    }
  }
}
