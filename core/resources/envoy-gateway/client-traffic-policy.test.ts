import { describe, expect, it } from 'vitest';

import { validate } from '../validate.ts';
import { ClientTrafficPolicy } from './client-traffic-policy.ts';

const targetRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'ai' };

function problemsOfSpec(spec: object): string[] {
  const found: string[] = [];
  validate(ClientTrafficPolicy, { spec }, (path, message) => found.push(`${path}: ${message}`));
  return found;
}

/** Validates a copy: defaults are filled in place, and the fixtures are shared. */
const problems = (fields: object) => problemsOfSpec(JSON.parse(JSON.stringify({ targetRef, ...fields })) as object);
const forwarded = (xForwardedFor: object) => ({ clientIPDetection: { xForwardedFor } });

describe('ClientTrafficPolicy', () => {
  it.each([
    ['time limits', { timeout: { http: { requestReceivedTimeout: '10s', idleTimeout: '1h' } } }],
    ['a connection limit', { connection: { connectionLimit: { value: 1, closeDelay: '0s' } } }],
    ['an empty connection limit', { connection: { connectionLimit: {} } }],
    ['the size of requests as a quantity', { connection: { bufferLimit: '50Mi' } }],
    ['the size of requests as a number', { connection: { bufferLimit: 32_768 } }],
    ['the one reading of paths', { path: { escapedSlashesAction: 'RejectRequest', disableMergeSlashes: false } }],
    ['hops', forwarded({ numTrustedHops: 0 })],
    ['proxies', forwarded({ trustedCIDRs: ['10.0.0.0/8', '0.0.0.0/0', '2001:db8::/32', '::1/128', '10.1.2.3/8'] })],
    ['the default that clusters write', { connection: { maxAcceptPerSocketEvent: 1 } }],
  ])('takes %s', (_name, fields) => {
    expect(problems(fields)).toEqual([]);
  });

  it.each([
    [
      'a route as target',
      { targetRef: { ...targetRef, kind: 'HTTPRoute' } },
      ['spec.targetRef.kind: must be one of Gateway, not "HTTPRoute"'],
    ],
    ['no target', { targetRef: undefined }, ['spec: one of targetRef and targetRefs is required']],
    ['two target fields', { targetRefs: [targetRef] }, ['spec.targetRef: cannot be used together with targetRefs']],
    [
      'a delay without limit',
      { connection: { connectionLimit: { closeDelay: '1s' } } },
      ['spec.connection.connectionLimit.closeDelay: needs a limit: set connectionLimit.value'],
    ],
    ['a limit of 0', { connection: { connectionLimit: { value: 0 } } }, ['spec.connection.connectionLimit.value: must be >= 1, not 0']],
    [
      'a size in the wrong unit',
      { connection: { bufferLimit: '50MB' } },
      ['spec.connection.bufferLimit: "50MB" is no quantity of bytes such as 64k or 50Mi'],
    ],
    [
      'a size with a fraction',
      { connection: { bufferLimit: '1.5Gi' } },
      ['spec.connection.bufferLimit: "1.5Gi" is no quantity of bytes such as 64k or 50Mi'],
    ],
    ['a size of nothing', { connection: { bufferLimit: 0 } }, ['spec.connection.bufferLimit: must be >= 1, not 0']],
    [
      'tuning that changes nothing here',
      { connection: { maxAcceptPerSocketEvent: 0 } },
      ['spec.connection.maxAcceptPerSocketEvent: 0 is not supported: only its default, 1, is read'],
    ],
    [
      'neither hops nor proxies',
      forwarded({}),
      ['spec.clientIPDetection.xForwardedFor: one of numTrustedHops and trustedCIDRs is required'],
    ],
    [
      'hops and proxies',
      forwarded({ numTrustedHops: 1, trustedCIDRs: ['::/0'] }),
      ['spec.clientIPDetection.xForwardedFor.trustedCIDRs: cannot be used together with numTrustedHops'],
    ],
    [
      'no proxies',
      forwarded({ trustedCIDRs: [] }),
      ['spec.clientIPDetection.xForwardedFor.trustedCIDRs: must NOT have fewer than 1 items, not []'],
    ],
    [
      'ranges that are none',
      forwarded({ trustedCIDRs: ['10.0.0.0/33', '10.0.0.1', '::/129', 'fe80::%1/10', 'x 10.0.0.0/8'] }),
      [0, 1, 2, 3, 4].map((index) => expect.stringContaining(`trustedCIDRs[${index}]: `)),
    ],
    [
      'a misspelt field',
      { timeout: { http: { idleTimout: '1s' } } },
      ['spec.timeout.http.idleTimout: unknown field; did you mean "idleTimeout"?'],
    ],
  ])('reports %s', (_name, fields, expected) => {
    expect(problems(fields)).toEqual(expected);
  });

  it.each([
    [
      'another reading of paths',
      { path: { escapedSlashesAction: 'KeepUnchanged' } },
      'spec.path.escapedSlashesAction: "KeepUnchanged" is not supported: a path with',
    ],
    [
      'slashes kept apart',
      { path: { disableMergeSlashes: true } },
      'spec.path.disableMergeSlashes: true is not supported: slashes in a row',
    ],
    ['headers', { headers: { earlyRequestHeaders: { remove: ['a'] } } }, 'spec.headers: is not supported: the headers of clients'],
    ['tls', { tls: { minVersion: '1.3' } }, 'spec.tls: is not supported: versions, ciphers'],
    ['http3', { http3: {} }, 'spec.http3: is not supported: clients are served over HTTP/1.1'],
    [
      'a header with the address',
      { clientIPDetection: { customHeader: { name: 'x' } } },
      'spec.clientIPDetection.customHeader: is not supported: the address',
    ],
    [
      'age of connections',
      { connection: { connectionLimit: { maxConnectionDuration: '1h' } } },
      'maxConnectionDuration: is not supported: client connections',
    ],
  ])('refuses %s by name', (_name, fields, expected) => {
    expect(problems(fields)).toEqual([expect.stringContaining(expected)]);
  });
});
