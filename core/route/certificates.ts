import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

import type { KeyPair } from '../http/server.ts';
import type { Gateway, Listener } from '../resources/gateway-api/gateway.ts';
import { secretOf } from './origins.ts';
import type { Scope } from './scope.ts';

/** What a listener shows its clients. */
export interface Certificate {
  readonly pair: KeyPair;
  readonly context: SecureContext;
  /** Whether it is for this host name. */
  readonly isFor: (host: string) => boolean;
}

/** By the bytes that they were made of: a context is not made again for each configuration. */
const MADE = new WeakMap<object, Certificate | string>();

/** The certificates of an HTTPS listener. Reports those that cannot be had. */
export function certificatesOf(gateway: Gateway, listener: Listener, path: string, scope: Scope): Certificate[] {
  return (listener.tls?.certificateRefs ?? []).flatMap((ref, index) => {
    const at = `${path}.tls.certificateRefs[${index}]`;
    if (ref.kind !== 'Secret' || ref.group !== '') {
      scope.report(gateway, at, `must be a Secret, not ${ref.kind} of "${ref.group}"`, 'InvalidCertificateRef');
      return [];
    }
    const data = secretOf(ref, gateway, at, scope, 'InvalidCertificateRef');
    if (data === undefined) return [];
    let certificate = MADE.get(data);
    if (certificate === undefined) MADE.set(data, (certificate = made(data)));
    if (typeof certificate !== 'string') return [certificate];
    scope.report(gateway, at, `Secret ${ref.name} ${certificate}`, 'InvalidCertificateRef');
    return [];
  });
}

/** @returns why there is none, in words that go on from the Secret's name */
function made(data: ReadonlyMap<string, Buffer>): Certificate | string {
  const cert = data.get('tls.crt');
  const key = data.get('tls.key');
  if (cert === undefined || key === undefined) return 'needs the entries tls.crt and tls.key';
  try {
    const leaf = new X509Certificate(cert);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return 'has a tls.key that is not the key of its tls.crt';
    return {
      pair: { cert, key },
      context: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
      isFor: (host) => leaf.checkHost(host) !== undefined,
    };
  } catch {
    // The system's message can quote the key.
    return 'has no certificate and key in PEM under tls.crt and tls.key';
  }
}
