import { inUrl } from '#core/http/origin';
import { didYouMean } from '#core/resources/nearest';

import { Secret } from './secret.ts';

/** Where Redis is. */
export interface RedisSettings {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** The server, the sentinels, or some nodes of the cluster. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** With sentinels: the name of the master. */
  readonly master?: string;
  readonly username?: string;
  readonly password?: Secret;
  /** Of the sentinels themselves. */
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: Secret;
  /** Number of the database; a cluster has only 0. @default 0 */
  readonly database?: number;
  /** Undefined: no TLS. */
  readonly tls?: {
    /** Certificates in PEM that are trusted; those of the system where there are none. */
    readonly ca?: string;
  };
}

const SCHEMES = ['redis', 'rediss', 'redis+sentinel', 'rediss+sentinel', 'redis+cluster', 'rediss+cluster'];
const PARAMETERS = ['sentinelUsername', 'sentinelPassword'];
const SHAPE =
  /^(?<scheme>[^:/]*):\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/?#@]+)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/;

/**
 * Reads a URL. `rediss` is TLS; user, password and parameters are percent-encoded.
 *
 * - `redis://user:password@host:6379/0`
 * - `redis+sentinel://h1,h2:26379/master?sentinelPassword=…`
 * - `redis+cluster://h1,h2:7000`
 *
 * @param ca certificates in PEM to trust with TLS
 * @throws TypeError that never shows the URL, as a password may be in it
 */
export function parseRedisUrl(url: string, ca?: string): RedisSettings {
  const parts = SHAPE.exec(url)?.groups;
  if (parts === undefined) throw new TypeError('the Redis URL is not of the form scheme://user:password@host:port/…');
  const { scheme = '', user, password, hosts = '', path = '', query } = parts;
  if (!SCHEMES.includes(scheme)) {
    throw new TypeError(`the Redis URL begins with ${scheme}://${didYouMean(scheme, SCHEMES)}; ${SCHEMES.join(', ')} are known`);
  }
  const mode = scheme.endsWith('+sentinel') ? 'sentinel' : scheme.endsWith('+cluster') ? 'cluster' : 'standalone';
  const nodes = hosts.split(',').map((host) => nodeOf(host, mode === 'sentinel' ? 26379 : 6379));
  if (mode === 'standalone' && nodes.length > 1) throw new TypeError(`the Redis URL names ${nodes.length} hosts; ${scheme}:// takes one`);
  if (mode === 'sentinel' && path === '') throw new TypeError('the Redis URL of sentinels ends without the name of the master: …/mymaster');
  if (mode === 'cluster' && path !== '' && path !== '0') throw new TypeError('the Redis URL of a cluster names a database; it has only 0');
  const parameters = parametersOf(query);
  const sentinelUsername = parameters.get('sentinelUsername') ?? undefined;
  const sentinelPassword = parameters.get('sentinelPassword') ?? undefined;
  return {
    mode,
    nodes,
    ...(mode === 'sentinel' && { master: decoded(path) }),
    ...(mode === 'standalone' && path !== '' && { database: databaseOf(path) }),
    ...(user !== undefined && user !== '' && { username: decoded(user) }),
    ...(password !== undefined && password !== '' && { password: new Secret(decoded(password)) }),
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword: new Secret(sentinelPassword) }),
    ...(scheme.startsWith('rediss') && { tls: ca === undefined ? {} : { ca } }),
  };
}

/** For people: hosts, and no password. */
export function describeRedis({ mode, nodes, master }: RedisSettings): string {
  const hosts = nodes.map(({ host, port }) => `${inUrl(host)}:${port}`).join(', ');
  if (mode === 'sentinel') return `${master} of the sentinels ${hosts}`;
  return mode === 'cluster' ? `the cluster of ${hosts}` : hosts;
}

function nodeOf(text: string, defaultPort: number): { host: string; port: number } {
  const parts = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[^:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text)?.groups;
  const host = parts?.['v6'] ?? parts?.['name'];
  const port = Number(parts?.['port'] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535) throw new TypeError('the Redis URL names a host that is not of the form host:port');
  return { host, port };
}

function databaseOf(path: string): number {
  if (!/^\d{1,5}$/.test(path)) throw new TypeError('the Redis URL ends with a database that is no number');
  return Number(path);
}

function parametersOf(query: string | undefined): URLSearchParams {
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw new TypeError(`the Redis URL has an unknown parameter ${name}${didYouMean(name, PARAMETERS)}`);
  }
  return parameters;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError('the Redis URL has a % that encodes nothing');
  }
}
