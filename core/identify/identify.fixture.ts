import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';

import { Agent, type Dispatcher } from 'undici';
import { expect } from 'vitest';

import { GatewayError } from '../errors.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import { validate } from '../resources/validate.ts';

import type { Caller, Identity, Security, SecuritySources } from './identity.ts';
import { compileSecurity } from './security.ts';
import { SharedIdentify } from './shared-identify.ts';

/** What a test's policy may refer to. */
export interface Surroundings {
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly configMaps?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly backends?: Readonly<Record<string, Dispatcher>>;
  readonly shared?: SharedIdentify;
}

const agent = new Agent();

/** Validates and compiles a policy with this spec. */
export function compile(spec: object, around: Surroundings = {}): { security: Security; problems: string[] } {
  const problems: string[] = [];
  const report = (path: string, message: string): void => {
    problems.push(`${path}: ${message}`);
  };
  const body = { spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'g' }], ...structuredClone(spec) } };
  validate(SecurityPolicy, body, report);
  const policy = {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'SecurityPolicy',
    metadata: { name: 'p', namespace: 'n', labels: {}, annotations: {}, creationTimestamp: undefined },
    body: body as SecurityPolicy['body'],
    source: { file: 'test', document: 1, line: 1 },
  };
  const sources: SecuritySources = {
    secret({ name }, path) {
      const secret = around.secrets?.[name];
      if (secret === undefined) report(path, `no Secret ${name}`);
      return secret && new Map(Object.entries(secret).map(([key, value]) => [key, Buffer.from(value)]));
    },
    configMap({ name }, path) {
      const values = around.configMaps?.[name];
      if (values === undefined) report(path, `no ConfigMap ${name}`);
      return values && new Map(Object.entries(values));
    },
    dispatcher({ name }, path) {
      const dispatcher = around.backends?.[name];
      if (dispatcher === undefined) report(path, `no backend ${name}`);
      return dispatcher && { dispatcher, hostHeader: `${name}.test` };
    },
    dispatcherForUrl: () => agent,
  };
  return { security: compileSecurity(policy, sources, around.shared ?? new SharedIdentify(), report), problems };
}

/** Compiles a policy that must have no problem. */
export function secure(spec: object, around: Surroundings = {}): Security {
  const { security, problems } = compile(spec, around);
  expect(problems).toEqual([]);
  return security;
}

export function caller(headers: Caller['headers'] = {}, rest: Partial<Omit<Caller, 'headers'>> = {}): Caller {
  return { method: 'POST', path: '/v1/chat/completions', query: '', host: 'gateway.test', address: '192.0.2.1', ...rest, headers };
}

export async function identify(security: Security, who: Caller): Promise<Identity> {
  return security.identify(who);
}

/** The error with which a request is refused. Whatever it shows must hold no part of what the request presented. */
export async function refusal(security: Security, who: Caller): Promise<GatewayError> {
  const error = await identify(security, who).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof GatewayError)) throw new Error('was not refused by a GatewayError', { cause: error });
  const shown = inspect(error, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null });
  for (const credential of presented(who)) expect(shown).not.toContain(credential);
  return error;
}

/** Every longer piece of a request that could be a credential, also decoded. */
function presented(who: Caller): string[] {
  const pieces: string[] = [];
  for (const value of Object.values(who.headers)) pieces.push(...String(value).split(/[\s;=,]+/));
  for (const [, value] of new URLSearchParams(who.query)) pieces.push(value);
  const decoded = pieces.map((piece) => Buffer.from(piece, 'base64').toString('latin1').split(':')).flat();
  return [...pieces, ...decoded].filter((piece) => piece.length >= 8 && /^[\u0021-\u007e]+$/.test(piece));
}

/** Flat headers as an object, for comparing. */
export function headersOf(identity: Identity): Record<string, string> {
  const result: Record<string, string> = {};
  for (let index = 0; index < identity.headers.length; index += 2) {
    const [name, value] = [identity.headers[index]!, identity.headers[index + 1]!];
    result[name] = result[name] === undefined ? value : `${result[name]}, ${value}`;
  }
  return result;
}

export interface Running {
  readonly url: string;
  readonly seen: IncomingMessage[];
  close(): Promise<void>;
}

/** A real server on a free port; it remembers the requests. */
export async function serve(listener: RequestListener): Promise<Running> {
  const seen: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
