import { isInternal, OF_FRAMING } from '../../http/headers.ts';
import { isToken } from '../../http/sendable.ts';
import { checkRegularExpression } from '../gateway-api/regular-expression.ts';
import type { Report } from '../kind.ts';
import { list, object, oneOf, type Static, text, Type } from '../schema.ts';
import { isAddressRange } from './address.ts';

const invert = Type.Boolean({ default: false });

/** A header or a query parameter by name. `Distinct` counts each value apart. */
const NamedMatch = object({
  type: oneOf(['Exact', 'RegularExpression', 'Distinct'], { default: 'Exact' }),
  name: text(256),
  value: Type.Optional(text(1024, 0)),
  invert,
});
export type NamedMatch = Static<typeof NamedMatch>;

/** Requests for which all of the parts hold. */
export const ClientSelector = object({
  headers: Type.Optional(list(NamedMatch, 64)),
  /** One of them is enough. */
  methods: Type.Optional(
    Type.Array(object({ value: oneOf(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']), invert })),
  ),
  path: Type.Optional(
    object({
      type: oneOf(['Exact', 'PathPrefix', 'RegularExpression'], { default: 'PathPrefix' }),
      value: Type.String({ maxLength: 1024, default: '/' }),
      invert,
    }),
  ),
  queryParams: Type.Optional(list(NamedMatch, 16)),
  sourceCIDR: Type.Optional(object({ type: oneOf(['Exact', 'Distinct'], { default: 'Exact' }), value: text(256), invert })),
});
export type ClientSelector = Static<typeof ClientSelector>;

/** Headers by which a model is matched: they are read from the body, not from the client's headers. */
export const MODEL_HEADERS: ReadonlySet<string> = new Set(['x-ai-eg-model', 'x-gateway-model-name']);

export function checkClientSelectors(selectors: readonly ClientSelector[] | undefined, path: string, report: Report): void {
  for (const [index, selector] of (selectors ?? []).entries()) {
    const at = `${path}[${index}]`;
    const { headers = [], methods = [], path: matched, queryParams = [], sourceCIDR } = selector;
    if (headers.length + methods.length + queryParams.length === 0 && matched === undefined && sourceCIDR === undefined)
      report(at, 'must have one of headers, methods, path, queryParams and sourceCIDR');
    for (const [place, match] of headers.entries()) {
      checkHeaderName(match.name, `${at}.headers[${place}].name`, report);
      checkValue(match, `${at}.headers[${place}]`, report);
    }
    for (const [place, match] of queryParams.entries()) checkValue(match, `${at}.queryParams[${place}]`, report);
    if (matched?.type === 'RegularExpression') checkRegularExpression(matched.value, `${at}.path.value`, report);
    else if (matched !== undefined && !matched.value.startsWith('/'))
      report(`${at}.path.value`, `must begin with "/", not ${JSON.stringify(matched.value)}`);
    if (sourceCIDR !== undefined && !isAddressRange(sourceCIDR.value))
      report(`${at}.sourceCIDR.value`, `"${sourceCIDR.value}" is no address range such as 10.0.0.0/8`);
  }
}

function checkHeaderName(name: string, path: string, report: Report): void {
  const lower = name.toLowerCase();
  if (!isToken(name)) report(path, `${JSON.stringify(name)} is no header name`);
  else if (OF_FRAMING.has(lower)) report(path, `header ${lower} belongs to the connection, and tells nothing of who calls`);
  else if (isInternal(lower) && !MODEL_HEADERS.has(lower))
    report(path, `header ${lower} is one that only gateways set: it is not read from clients, so no request would match`);
}

/** Envoy Gateway refuses the same when it reads a policy. */
function checkValue({ type, value, invert: inverted }: NamedMatch, path: string, report: Report): void {
  if (type === 'Distinct') {
    if (value !== undefined) report(`${path}.value`, 'cannot be used with type Distinct, which takes every value');
    if (inverted) report(`${path}.invert`, 'cannot be used with type Distinct, which takes every value');
  } else if (value === undefined) report(`${path}.value`, `is required when type is ${type}`);
  else if (type === 'RegularExpression') checkRegularExpression(value, `${path}.value`, report);
}
