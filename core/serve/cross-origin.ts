import type { Cors } from '../identify/identity.ts';
import type { Rule } from '../route/rule.ts';
import type { MatchIndex } from '../route/table.ts';
import type { GatewayRequest } from './request.ts';

/** What a server says to browsers of other origins (Fetch standard, section 3.3). */
const HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
];

/** What holds for a rule: its own filter, as it is closer than the SecurityPolicy; then nothing of the policy's `cors` counts. */
function corsOf(rule: Rule): Cors | undefined {
  return (rule.ai ? undefined : rule.filters.cors) ?? rule.security?.cors;
}

/**
 * The answer's headers for a browser's question before its request, from the rule that the request will meet. It carries no credential, so
 * nobody is identified.
 * @param api the path is an endpoint of a model API: the rule may depend on a model that is not known yet
 * @returns undefined where the request is no such question, or nobody here answers it
 */
export function preflightOf(request: GatewayRequest, index: MatchIndex, api: boolean): Readonly<Record<string, string>> | undefined {
  const asked = request.headers['access-control-request-method'];
  if (asked === undefined || request.method !== 'OPTIONS') return undefined;
  const { path, query, headers, model } = request;
  const rule = index.find({ method: asked, path, query, headers, model })?.rule;
  const own = rule === undefined ? undefined : corsOf(rule)?.preflight(request);
  if (own !== undefined || !api) return own;
  for (const { cors } of index.policies()) {
    const answer = cors?.preflight(request);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Gives every answer to a request, from now on, the CORS headers of its rule. */
export function crossOrigin(request: GatewayRequest, rule: Rule): void {
  const cors = corsOf(rule);
  if (cors === undefined) return;
  const { extra } = request.reply;
  // Those of a policy that was asked before the rule was known.
  for (const name of HEADERS) delete extra[name];
  Object.assign(extra, cors.headers(request));
}

/** Takes off an answer what its backend says to other origins: where the route says it, nobody else does. */
export function withoutCors(headers: Record<string, string | string[]>): void {
  for (const name of HEADERS) delete headers[name];
}
