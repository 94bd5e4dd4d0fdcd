import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';

/** A subject alternative name that a certificate may have. */
export interface SubjectAltName {
  readonly type: 'Hostname' | 'URI';
  readonly value: string;
}

/** `TYPE:value` of an `X509Certificate.subjectAltName`; a value that could be read in two ways stands there as a JSON string. */
const ENTRY = /(?:^|, )([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/**
 * For `tls.connect`: a certificate has to have one of these names, and that it was asked for by another one says nothing.
 * @see Gateway API, BackendTLSPolicy `validation.subjectAltNames`
 */
export function checkAltNames(
  names: readonly SubjectAltName[],
): (host: string, certificate: Pick<PeerCertificate, 'raw'>) => Error | undefined {
  return (_host, { raw }) => {
    const certificate = new X509Certificate(raw);
    const entries = entriesOf(certificate.subjectAltName ?? '');
    if (names.some((name) => has(certificate, entries, name))) return undefined;
    const wanted = names.map(({ value }) => value).join(', ');
    return Object.assign(new Error(`the certificate has none of the subject alternative names ${wanted}`), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  };
}

function has(certificate: X509Certificate, entries: readonly (readonly [string, string])[], { type, value }: SubjectAltName): boolean {
  if (type === 'URI') return entries.some(([kind, entry]) => kind === 'URI' && entry === value);
  // The common name is none of the alternative names.
  if (!value.startsWith('*.')) return certificate.checkHost(value, { subject: 'never' }) !== undefined;
  return entries.some(([kind, entry]) => kind === 'DNS' && entry.toLowerCase().endsWith(value.slice(1)));
}

function entriesOf(text: string): (readonly [string, string])[] {
  return [...text.matchAll(ENTRY)].map(([, kind = '', value = '']) => [
    kind,
    value.startsWith('"') ? (JSON.parse(value) as string) : value,
  ]);
}
