import type { ForwardProxy } from './forward-proxy.ts';
import type { SubjectAltName } from './server-identity.ts';

/** How the certificate of an origin is checked. */
export interface OriginTls {
  /** Name that the certificate must carry, and SNI. */
  readonly serverName: string | undefined;
  /** Names of which the certificate must carry one, instead of {@link serverName}. */
  readonly subjectAltNames?: readonly SubjectAltName[] | undefined;
  /** PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
  /** PEM certificate chain and key of the client, for mutual TLS. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Only where a Backend says `insecureSkipVerify`. */
  readonly skipVerify: boolean;
}

/** Where a connection goes. A credential is bound to exactly one of these. */
export interface Origin {
  /** IP address or host name, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly tls: OriginTls | undefined;
  /**
   * `h2c`: HTTP/2 without TLS, by prior knowledge; changes nothing where there is TLS.
   * @default HTTP/1.1
   */
  readonly protocol?: 'h2c' | undefined;
  /** Whether the host may not lead to this machine and what only it may ask: then nothing is connected to. @default false */
  readonly elsewhere?: true;
  /** What leads there: the host is looked up and connected to by the proxy. @default none */
  readonly proxy?: ForwardProxy;
}

/** A host as URLs have it: IPv6 addresses in brackets (RFC 3986, section 3.2.2). @param host a name or an address */
export function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** `https://api.example.com` or `http://10.0.0.1:8000`. */
export function originUrl(origin: Origin): string {
  const host = inUrl(origin.host);
  const usual = origin.tls === undefined ? 80 : 443;
  return `${origin.tls === undefined ? 'http' : 'https'}://${host}${origin.port === usual ? '' : `:${origin.port}`}`;
}

/** `api.example.com:443`: host and port, as CONNECT has them. */
export function authorityOf({ host, port }: Pick<Origin, 'host' | 'port'>): string {
  return `${inUrl(host)}:${port}`;
}

/** Value of the Host header: the name that the certificate carries where it differs from the address. */
export function hostHeader(origin: Origin): string {
  const host = inUrl(origin.tls?.serverName ?? origin.host);
  const usual = origin.tls === undefined ? 80 : 443;
  return origin.port === usual ? host : `${host}:${origin.port}`;
}
