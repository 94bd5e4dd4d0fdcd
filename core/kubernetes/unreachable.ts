import { describe, KubernetesError, type OwnReason } from './error.ts';
import type { RequestTarget } from './resource.ts';

const CERTIFICATE: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const PLAIN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name could not be looked up',
  ETIMEDOUT: 'the connection could not be made in time',
  EPIPE: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'the connection could not be made in time',
  UND_ERR_HEADERS_TIMEOUT: 'it did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'its answer stopped',
  UND_ERR_SOCKET: 'the connection was cut',
};

/** Codes that mean that time ran out. */
const TIMEOUTS: ReadonlySet<string> = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** The error for a request that got no answer, or not the whole of one. */
export function errorOfFailure(target: RequestTarget, server: string, error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  const timedOut = TIMEOUTS.has(code) || (error instanceof Error && error.name === 'TimeoutError');
  let reason: OwnReason = timedOut ? 'Timeout' : 'Unreachable';
  let message = `the Kubernetes API at ${server} cannot be reached: ${PLAIN[code] ?? (timedOut ? 'it did not answer in time' : text)}`;
  if (CERTIFICATE.has(code)) {
    reason = 'Certificate';
    message = `the certificate of the Kubernetes API at ${server} is not trusted (${code}: ${text}): check certificate-authority of the kubeconfig`;
  } else if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    reason = 'Certificate';
    message = `the TLS handshake with the Kubernetes API at ${server} failed (${text}): check the client certificate and the address`;
  }
  return new KubernetesError({ ...target, status: 0, reason, message: `${message} (${describe(target)})`, cause: error });
}

/** A failed look-up of several addresses has its codes in its parts. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return 'cause' in error ? codeOf(error.cause) : '';
}
