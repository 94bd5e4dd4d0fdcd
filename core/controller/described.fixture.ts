// For tests: a compiled configuration in plain words, so that two can be compared.
import { Dispatcher } from 'undici';

import { Backend } from '../attempt/backend.ts';
import type { Security } from '../identify/identity.ts';
import { authorized } from '../providers/credentials/credential.fixture.ts';
import type { Credential } from '../providers/credentials/credential.ts';
import type { Compiled } from '../route/compile.ts';
import { nameOf, type Resource } from '../resources/kind.ts';

/** Everything that is served and reported. */
export function described({ ports, problems, notices, routes, traceRules }: Compiled): unknown {
  return {
    ports: ports.map(({ key, port, protocol, listenOn, listeners }) => ({
      port: [key, port, protocol, listenOn],
      listeners: listeners.map(({ hosts, ...listener }) => ({
        ...(plain(listener) as object),
        hosts: hosts.entries().map(([host, index]) => ({
          host,
          matches: plain(index.matches()),
          security: plain(index.security),
          policies: plain([...index.policies()]),
          hasAi: index.hasAi,
          hasApi: index.hasApi,
          models: index.modelNames(),
        })),
      })),
    })),
    problems: plain(problems),
    notices,
    routes: plain([...routes]),
    traceRules: traceRules.rules.length,
  };
}

const KEYS = ['v0', 'v1', ''];

function plain(value: unknown): unknown {
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return [...value].map(plain);
  if (value instanceof Set) return [...value].map(plain);
  if (value instanceof Dispatcher) return 'pool';
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (value instanceof Backend)
    return { backend: value.name, endpoints: value.endpoints.map(({ origin, hostHeader }) => plain({ origin, hostHeader })) };
  if ('identify' in value) return security(value as Security);
  if ('leaks' in value) return { credential: authorized(value as Credential) };
  if ('apiVersion' in value) return nameOf(value as Resource);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

/** Whom a policy lets pass. */
function security(policy: Security): unknown {
  const { name, owned, sets } = policy;
  const said = KEYS.map((key) => {
    try {
      return policy.identify({ method: 'GET', path: '/', query: '', host: 'a', headers: { 'x-key': key }, address: '127.0.0.1' });
    } catch (error) {
      return String(error);
    }
  });
  return { name, said: said.map(plain), owned: plain(owned), sets: plain(sets) };
}
