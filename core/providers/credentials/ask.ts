import { isIP } from 'node:net';

import { Client, type Dispatcher, ProxyAgent } from 'undici';

import { isLocalName, localKind, lookupElsewhere } from '../../http/local-address.ts';
import { FetchFailed } from './fetch-failed.ts';

/** Whom a credential is asked of. */
export interface Ask {
  readonly url: string;
  /** @default GET */
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Somebody else's resource names the server: it is not called where its name leads to this machine or its neighbours. */
  readonly elsewhere?: boolean;
  /** A proxy that takes CONNECT. */
  readonly proxy?: string | undefined;
  /** Errors in the server's own words that may be told, as they are those of its standard. */
  readonly codeOf?: (text: string) => string | undefined;
}

/** An answer is a few kilobytes. */
const MAX_BYTES = 262_144;
/** Of a machine of the same cloud that is not there nobody says so. */
const CONNECT_MS = 3000;

/**
 * Asks once, on a connection of its own, as it is asked once an hour. Redirects are not followed: a secret would go elsewhere.
 * @throws FetchFailed for any status but 200
 */
export async function ask(request: Ask, signal: AbortSignal): Promise<string> {
  const url = URL.parse(request.url);
  if (url === null) throw new FetchFailed('the address that it is fetched from is no URL');
  const dispatcher = dispatcherFor(url, request);
  try {
    const { statusCode, body } = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method ?? 'GET',
      headers: { accept: 'application/json', ...request.headers },
      body: request.body ?? null,
      signal,
    });
    const text = await textOf(body, url);
    if (statusCode === 200) return text;
    const code = request.codeOf?.(text);
    throw new FetchFailed(`${url.host} answered with status ${statusCode}${code === undefined ? '' : ` (${code})`}`, { code });
  } catch (error) {
    throw namedAt(error, url);
  } finally {
    void dispatcher.destroy();
  }
}

function dispatcherFor(url: URL, { elsewhere = false, proxy }: Ask): Dispatcher {
  if (elsewhere) refuseLocal(url.hostname.replace(/^\[|\]$/g, ''));
  if (proxy !== undefined) return new ProxyAgent({ uri: proxy });
  return new Client(url.origin, { connect: { timeout: CONNECT_MS, ...(elsewhere ? { lookup: lookupElsewhere } : {}) } });
}

/** An address is looked up by nobody. */
function refuseLocal(host: string): void {
  const kind = isLocalName(host) ? 'this machine' : isIP(host) === 0 ? undefined : localKind(host);
  if (kind !== undefined) throw new FetchFailed(`${host} is ${kind}`);
}

async function textOf(body: AsyncIterable<Buffer>, url: URL): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new FetchFailed(`${url.host} answered with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** A code such as ECONNREFUSED says little without whom it is about. */
function namedAt(error: unknown, { host }: URL): unknown {
  if (error instanceof FetchFailed || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return /^[A-Za-z0-9_]{1,60}$/.test(code) ? new FetchFailed(`${host}: ${code}`) : error;
}

/** The members of an answer. @throws FetchFailed */
export function membersOf(text: string, of: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be a credential.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new FetchFailed(`${of} is no JSON object`);
}

/** A member that is a text. @throws FetchFailed */
export function textIn(members: Readonly<Record<string, unknown>>, name: string, of: string): string {
  const value = members[name];
  if (typeof value !== 'string' || value === '') throw new FetchFailed(`${of} has no text "${name}"`);
  return value;
}

/** A time that a text says, in Unix milliseconds. @throws FetchFailed */
export function timeIn(members: Readonly<Record<string, unknown>>, name: string, of: string): number {
  const time = Date.parse(textIn(members, name, of));
  if (Number.isNaN(time)) throw new FetchFailed(`${of} has no time "${name}"`);
  return time;
}
