import { isIP, type LookupFunction } from 'node:net';

import { Client } from 'undici';

import { GatewayError } from '../../errors.ts';
import { LocalAddressRefused } from '../../http/local-address.ts';
import { lookupPublic, privateKind } from '../../http/public-address.ts';
import { typeByName } from '../../llm/media-type.ts';

/** Something that a client names by its address, and a backend wants as bytes. */
export interface Wanted {
  readonly url: string;
  /** Where it stands, such as `messages[0].content[1]`. */
  readonly at: string;
}

export interface Bytes {
  readonly base64: string;
  readonly mediaType: string;
}

/** Where media may be fetched from. */
export interface Reach {
  readonly protocols: readonly string[];
  /** What an address is that may not be asked. */
  readonly kindOf: (address: string) => string | undefined;
  readonly lookup: LookupFunction;
}

/** A client chooses the address: it may be none that the gateway alone can reach. */
const PUBLIC: Reach = { protocols: ['https:'], kindOf: privateKind, lookup: lookupPublic };

/** Of one request. */
const MOST = 20;
const MOST_BYTES = 20 * 1024 * 1024;
const DEADLINE_MS = 10_000;

/**
 * Fetches what addresses lead to, each once. Redirects are not followed, and no header of the client goes along.
 * @param reach for tests
 * @throws GatewayError TK_UNSUPPORTED with the place of what cannot be had: another backend may take addresses
 */
export async function fetchMedia(wanted: readonly Wanted[], reach: Reach = PUBLIC): Promise<ReadonlyMap<string, Bytes>> {
  const byUrl = new Map(wanted.map((each) => [each.url, each]));
  if (byUrl.size > MOST) throw refused(wanted[MOST]!.at, `no more than ${MOST} addresses are fetched for a request`);
  const asked: Asked = { reach, controller: new AbortController(), bytesLeft: MOST_BYTES };
  const { controller } = asked;
  const clock = setTimeout(() => controller.abort(), DEADLINE_MS);
  try {
    const found = await Promise.all([...byUrl.values()].map(async (each) => [each.url, await fetchOne(each, asked)] as const));
    return new Map(found);
  } finally {
    clearTimeout(clock);
    // Where one cannot be had the others are of no use.
    controller.abort();
  }
}

interface Asked {
  readonly reach: Reach;
  readonly controller: AbortController;
  bytesLeft: number;
}

async function fetchOne({ url: text, at }: Wanted, asked: Asked): Promise<Bytes> {
  const url = permitted(text, at, asked.reach);
  const client = new Client(url.origin, { connect: { lookup: asked.reach.lookup } });
  try {
    const { statusCode, headers, body } = await client.request({
      method: 'GET',
      path: url.pathname + url.search,
      headers: { accept: '*/*', 'accept-encoding': 'identity' },
      signal: asked.controller.signal,
    });
    if (statusCode !== 200) throw refused(at, `${url.host} answered with status ${statusCode}`);
    if (headers['content-encoding'] !== undefined) throw refused(at, `${url.host} answered with a content coding that was not asked for`);
    const mediaType = mediaTypeOf(headers['content-type'], text);
    if (mediaType === undefined) throw refused(at, `${url.host} does not say of what media type it is`);
    return { base64: await base64Of(body, at, asked), mediaType };
  } catch (error) {
    throw toldOf(error, at, url, asked);
  } finally {
    void client.destroy();
  }
}

function permitted(text: string, at: string, { protocols, kindOf }: Reach): URL {
  const url = URL.parse(text);
  if (url === null || !protocols.includes(url.protocol)) throw refused(at, 'is fetched from an https URL alone');
  if (url.username !== '' || url.password !== '') throw refused(at, 'has a login in its URL');
  // An address is looked up by nobody.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const kind = isIP(host) === 0 ? undefined : kindOf(host);
  if (kind !== undefined) throw refused(at, `leads to ${kind}`);
  return url;
}

async function base64Of(body: AsyncIterable<Buffer>, at: string, asked: Asked): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) {
    asked.bytesLeft -= chunk.length;
    if (asked.bytesLeft < 0) throw refused(at, `what is fetched for a request may have ${MOST_BYTES} bytes at most`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('base64');
}

/** What a server says of all that it does not know. */
const UNSAID: ReadonlySet<string> = new Set(['', 'application/octet-stream', 'binary/octet-stream']);

function mediaTypeOf(header: string | string[] | undefined, url: string): string | undefined {
  const said = String(header ?? '')
    .split(';', 1)[0]!
    .trim()
    .toLowerCase();
  return UNSAID.has(said) ? typeByName(url) : said;
}

/** The message goes to logs: of an address no more than its host, as the rest can be a secret. */
function toldOf(error: unknown, at: string, { host }: URL, { controller }: Asked): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof LocalAddressRefused) return refused(at, `${host} leads to no public address`);
  if (controller.signal.aborted) return refused(at, `${host} did not answer within ${DEADLINE_MS / 1000} s`);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return refused(at, `${host} cannot be fetched from${code}`);
}

function refused(at: string, message: string): GatewayError {
  return new GatewayError('TK_UNSUPPORTED', `${at}: ${message}`, { param: at });
}
