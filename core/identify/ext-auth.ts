import type { Dispatcher } from 'undici';

import { GatewayError } from '../errors.ts';
import { isInternal } from '../http/headers.ts';
import type { Report } from '../resources/kind.ts';
import { durationMs } from '../resources/schema.ts';

import { call, Unsendable } from './call.ts';
import type { Caller, SecuritySources } from './identity.ts';
import { headerValue } from './places.ts';
import type { ExtAuthSpec } from './policy.ts';
import { policyHeader } from './set-headers.ts';

/** Compiled `extAuth`. */
export interface ExtAuth {
  /** `headersToBackend` in lower case. */
  readonly setHeaders: ReadonlySet<string>;
  /**
   * Asks the service about the request.
   * @returns the headers of its answer that go on to the backend, flat
   * @throws GatewayError TK_UNAUTHENTICATED or TK_FORBIDDEN
   */
  check(caller: Caller): Promise<readonly string[]>;
}

interface Target {
  readonly dispatcher: Dispatcher;
  readonly hostHeader: string;
  readonly weight: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** What is read of an answer's body, so that its connection can be used again. Nothing of it is looked at. */
const MAX_BODY_BYTES = 65_536;
const MAX_CHALLENGE_CHARACTERS = 1024;
/** Sent in any case, from what the gateway knows of the request. */
const ALWAYS = new Set(['host', 'content-length', 'authorization']);

/**
 * Compiles `extAuth` (CRD SecurityPolicy) with an HTTP service: it gets a request of the same method, host, path (behind
 * `http.path`) and query with the client's Authorization and `headersToExtAuth`, and no body. 200 lets the request pass; 401 and 403 are
 * passed on; any other answer below 500 is 403. A 5xx, a time-out or a failed connection is no answer: `failOpen` decides, else 403.
 * @param setByOthers headers, in lower case, that other parts of the policy set: of those the client's own values are not sent.
 */
export function compileExtAuth(
  spec: ExtAuthSpec,
  sources: SecuritySources,
  setByOthers: ReadonlySet<string>,
  path: string,
  report: Report,
): ExtAuth {
  const targets = targetsOf(spec, sources, `${path}.http`, report);
  const sent = namesToSend(spec, `${path}.headersToExtAuth`, report).filter((name) => !setByOthers.has(name) && !isInternal(name));
  const taken = new Set(
    (spec.http?.headersToBackend ?? []).map((name, index) => policyHeader(name, `${path}.http.headersToBackend[${index}]`, report)),
  );
  const prefix = pathPrefix(spec.http?.path ?? '', `${path}.http.path`, report);
  const timeoutMs = spec.timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(spec.timeout);

  return {
    setHeaders: taken,
    async check(caller) {
      // A tunnel is no request that can be asked about, and a hanging CONNECT would look like a service that is down.
      if (caller.method === 'CONNECT') throw new GatewayError('TK_FORBIDDEN', 'CONNECT cannot be authorized');
      const target = choose(targets);
      let answer: Dispatcher.ResponseData;
      try {
        const headers = requestHeaders(caller, sent, target);
        answer = await call(
          target.dispatcher,
          { method: caller.method, path: `${prefix}${caller.path}${caller.query}`, headers },
          timeoutMs,
        );
      } catch (error) {
        // What cannot even be sent is the request's fault: failOpen must not let it pass.
        return noAnswer(spec.failOpen && !(error instanceof Unsendable), error);
      }
      // The rest of the answer says nothing: it is let go, and its end or failure changes nothing.
      void answer.body.dump({ limit: MAX_BODY_BYTES }).catch(() => undefined);
      if (answer.statusCode === 200) return headersOf(answer, taken);
      if (answer.statusCode >= 500) return noAnswer(spec.failOpen, new Error(`status ${answer.statusCode}`));
      throw denial(answer);
    },
  };
}

function requestHeaders(caller: Caller, sent: readonly string[], target: Target): string[] {
  const host = caller.host.includes(':') && !caller.host.startsWith('[') ? `[${caller.host}]` : caller.host;
  const headers = ['host', host === '' ? target.hostHeader : host, 'content-length', '0'];
  const { authorization } = caller.headers;
  if (authorization !== undefined) headers.push('authorization', authorization);
  for (const name of sent) {
    // What the client claims to be its address is no evidence.
    const value = name === 'x-forwarded-for' ? caller.address : headerValue(caller.headers[name]);
    if (value !== undefined) headers.push(name, value);
  }
  return headers;
}

function headersOf(answer: Dispatcher.ResponseData, taken: ReadonlySet<string>): string[] {
  const result: string[] = [];
  for (const name of taken) {
    const value = answer.headers[name];
    if (value === undefined) continue;
    for (const item of typeof value === 'string' ? [value] : value) result.push(name, item);
  }
  return result;
}

function noAnswer(failOpen: boolean, cause: unknown): readonly string[] {
  if (failOpen) return [];
  throw new GatewayError('TK_FORBIDDEN', 'the authorization service of this route gave no answer', { cause });
}

function denial(answer: Dispatcher.ResponseData): GatewayError {
  const cause = new Error(`the authorization service answered with status ${answer.statusCode}`);
  if (answer.statusCode !== 401) {
    return new GatewayError('TK_FORBIDDEN', 'the authorization service of this route does not allow this request', { cause });
  }
  const challenge = headerValue(answer.headers['www-authenticate']);
  const headers: Record<string, string> =
    challenge === undefined || challenge.length > MAX_CHALLENGE_CHARACTERS ? {} : { 'www-authenticate': challenge };
  return new GatewayError('TK_UNAUTHENTICATED', 'the authorization service of this route asks for a valid credential', { headers, cause });
}

function targetsOf(spec: ExtAuthSpec, sources: SecuritySources, path: string, report: Report): readonly Target[] {
  const { backendRef, backendRefs = [] } = spec.http ?? {};
  const references = backendRef === undefined ? backendRefs : [{ ...backendRef, weight: 1 }];
  if (references.every(({ weight }) => weight === 0)) report(`${path}.backendRefs`, 'names no backend with a weight above 0');
  const targets: Target[] = [];
  for (const [index, reference] of references.entries()) {
    const at = backendRef === undefined ? `${path}.backendRefs[${index}]` : `${path}.backendRef`;
    const found = sources.dispatcher(reference, at);
    if (found !== undefined && reference.weight > 0) targets.push({ ...found, weight: reference.weight });
  }
  return targets;
}

/** One of the targets, in proportion to their weights. */
function choose(targets: readonly Target[]): Target {
  let point = Math.random() * targets.reduce((sum, { weight }) => sum + weight, 0);
  for (const target of targets) {
    point -= target.weight;
    if (point < 0) return target;
  }
  const last = targets.at(-1);
  if (last === undefined) throw new GatewayError('TK_INTERNAL', 'the authorization service of this route is not configured');
  return last;
}

function namesToSend(spec: ExtAuthSpec, path: string, report: Report): readonly string[] {
  const names = new Set<string>();
  for (const [index, name] of (spec.headersToExtAuth ?? []).entries()) {
    if (!ALWAYS.has(name.toLowerCase())) names.add(policyHeader(name, `${path}[${index}]`, report));
  }
  return [...names];
}

/** The path of a request starts with a slash, so the prefix ends without one. */
function pathPrefix(prefix: string, at: string, report: Report): string {
  if (prefix === '') return '';
  if (!/^\/[^\s?#]*$/.test(prefix)) report(at, 'must start with a slash and have no query or space');
  return prefix.replace(/\/+$/, '');
}
