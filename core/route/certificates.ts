import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

import type { KeyPair } from '../http/server.ts';
import type { Gateway, Listener } from '../resources/gateway-api/gateway.ts';
import type { SecretObjectReference } from '../resources/gateway-api/object-reference.ts';
import type { Reason } from '../resources/reason.ts';
import { type ClientValidation, clientValidationOf } from './client-validation.ts';
import { secretOf } from './origins.ts';
import { remember } from './remember.ts';
import type { ClientCertificate, Scope } from './scope.ts';

/** What a listener shows its clients, and what it wants to see of them. */
export interface Certificate {
  readonly pair: KeyPair;
  readonly context: SecureContext;
  /** Undefined: clients show nothing. All certificates of a port have the same. */
  readonly clients: ClientValidation | undefined;
  /** Whether it is for this host name. */
  readonly isFor: (host: string) => boolean;
}

/** Entries of a Secret, checked. */
interface Pair extends KeyPair {
  readonly leaf: X509Certificate;
  /** By the authorities of clients. */
  readonly certificates: Map<string, Certificate>;
}

/** By the bytes that they were made of: a context is not made again for each configuration. */
const PAIRS = new WeakMap<object, Pair | string>();
/** Authorities that one certificate is kept with: those of other ports, and those that were replaced. */
const MOST_KEPT = 16;

/** The certificates of an HTTPS listener. Reports those that cannot be had. @returns none where clients are to be verified and cannot be */
export function certificatesOf(gateway: Gateway, listener: Listener, path: string, scope: Scope): Certificate[] {
  if (listener.protocol !== 'HTTPS') return [];
  const clients = clientValidationOf(gateway, listener.port, scope);
  const pairs = (listener.tls?.certificateRefs ?? []).flatMap(
    (ref, index) => pairOf(ref, gateway, `${path}.tls.certificateRefs[${index}]`, 'InvalidCertificateRef', scope) ?? [],
  );
  return clients === 'broken' ? [] : pairs.map((pair) => withClients(pair, clients));
}

/** What a Gateway shows backends that ask for a certificate. Reports one that cannot be had: then none is shown. */
export function clientCertificateOf(gateway: Gateway, scope: Scope): ClientCertificate | undefined {
  const ref = gateway.body.spec.tls?.backend?.clientCertificateRef;
  if (ref === undefined) return undefined;
  const pair = pairOf(ref, gateway, 'spec.tls.backend.clientCertificateRef', 'InvalidClientCertificateRef', scope);
  if (pair === undefined) return undefined;
  const { namespace, name } = gateway.metadata;
  return { of: `${namespace}/${name}`, certificate: pair.cert.toString(), key: pair.key.toString() };
}

function pairOf(ref: SecretObjectReference, gateway: Gateway, at: string, reason: Reason, scope: Scope): Pair | undefined {
  if (ref.kind !== 'Secret' || ref.group !== '') {
    scope.report(gateway, at, `must be a Secret, not ${ref.kind} of "${ref.group}"`, reason);
    return undefined;
  }
  const data = secretOf(ref, gateway, at, scope, reason);
  if (data === undefined) return undefined;
  const pair = remember(PAIRS, data, () => checked(data));
  if (typeof pair !== 'string') return pair;
  scope.report(gateway, at, `Secret ${ref.name} ${pair}`, reason);
  return undefined;
}

/** @returns why there is none, in words that go on from the Secret's name */
function checked(data: ReadonlyMap<string, Buffer>): Pair | string {
  const cert = data.get('tls.crt');
  const key = data.get('tls.key');
  if (cert === undefined || key === undefined) return 'needs the entries tls.crt and tls.key';
  try {
    const leaf = new X509Certificate(cert);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return 'has a tls.key that is not the key of its tls.crt';
    createSecureContext({ cert, key });
    return { cert, key, leaf, certificates: new Map() };
  } catch {
    // The system's message can quote the key.
    return 'has no certificate and key in PEM under tls.crt and tls.key';
  }
}

function withClients({ cert, key, leaf, certificates }: Pair, clients: ClientValidation | undefined): Certificate {
  const known = JSON.stringify(clients ?? {});
  let certificate = certificates.get(known);
  if (certificate === undefined) {
    if (certificates.size >= MOST_KEPT) certificates.clear();
    certificate = {
      pair: { cert, key },
      context: createSecureContext({
        cert,
        key,
        minVersion: 'TLSv1.2',
        ...(clients === undefined || clients.optional ? {} : { ca: clients.ca }),
      }),
      clients,
      isFor: (host) => leaf.checkHost(host) !== undefined,
    };
    certificates.set(known, certificate);
  }
  return certificate;
}
