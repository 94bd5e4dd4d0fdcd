import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

/** Credentials of AWS. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

/** What is signed. */
export interface Signable {
  readonly method: string;
  /** Path and query, as they are sent. */
  readonly path: string;
  /** Flat; all of them are signed. */
  readonly headers: readonly string[];
  /** SHA-256 of the body in hexadecimal digits. */
  readonly bodyHash: string;
}

export interface Signing {
  readonly keys: AwsKeys;
  readonly region: string;
  readonly service: string;
  /** `20150830T123600Z` */
  readonly date: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** A time as AWS writes it. */
export function amzDate(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/**
 * The Authorization header of Signature Version 4. It is our own as `@smithy/signature-v4` answers with a promise, and a request's last step
 * must not wait; it also brings the whole SDK core with it.
 * @param signingKeyOf may remember the keys, which are the same for a day
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function authorizationOf(request: Signable, signing: Signing, signingKeyOf: (signing: Signing) => KeyObject = signingKey): string {
  const { keys, region, service, date } = signing;
  const { canonical, names } = canonicalRequest(request);
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const toSign = `${ALGORITHM}\n${date}\n${scope}\n${hash('sha256', canonical)}`;
  const signature = createHmac('sha256', signingKeyOf(signing)).update(toSign).digest('hex');
  return `${ALGORITHM} Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
}

export function canonicalRequest({ method, path, headers, bodyHash }: Signable): { readonly canonical: string; readonly names: string } {
  const query = path.indexOf('?');
  const [pathname, search] = query === -1 ? [path, ''] : [path.slice(0, query), path.slice(query + 1)];
  const values = new Map<string, string>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    const value = headers[at + 1]!.trim().replace(/ {2,}/g, ' ');
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  const sorted = [...values].sort(([one], [other]) => (one < other ? -1 : 1));
  const names = sorted.map(([name]) => name).join(';');
  const lines = sorted.map(([name, value]) => `${name}:${value}\n`).join('');
  return { canonical: `${method}\n${canonicalPath(pathname)}\n${canonicalQuery(search)}\n${lines}\n${names}\n${bodyHash}`, names };
}

/** Dots and empty segments are resolved, and what is sent is encoded once more: `:` of a model's name as `%3A`, and `%3A` as `%253A`. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(encoded(segment));
  }
  if (segments.length === 0) return '/';
  return `/${segments.join('/')}${path.endsWith('/') ? '/' : ''}`;
}

function canonicalQuery(search: string): string {
  if (search === '') return '';
  const pairs = search
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): readonly [string, string] => {
      const equals = pair.indexOf('=');
      return equals === -1 ? [queryPart(pair), ''] : [queryPart(pair.slice(0, equals)), queryPart(pair.slice(equals + 1))];
    });
  pairs.sort(([name, value], [otherName, otherValue]) => (name === otherName ? compare(value, otherValue) : compare(name, otherName)));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** However a client wrote it, it is signed in the one way that AWS writes it. */
function queryPart(text: string): string {
  try {
    return encoded(decodeURIComponent(text));
  } catch {
    return encoded(text);
  }
}

/** RFC 3986, section 2.3: all but the unreserved characters; encodeURIComponent leaves five more. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The key of one day, region and service; imported once, which takes longer than to use it. */
export function signingKey({ keys, region, service, date }: Signing): KeyObject {
  const ofDate = hmac(`AWS4${keys.secretAccessKey}`, date.slice(0, 8));
  return createSecretKey(hmac(hmac(hmac(ofDate, region), service), 'aws4_request'));
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Remembers the last key. */
export function rememberedKey(): (signing: Signing) => KeyObject {
  let last: { readonly of: string; readonly key: KeyObject } | undefined;
  return (signing) => {
    const of = `${signing.date.slice(0, 8)}\n${signing.region}\n${signing.service}\n${signing.keys.secretAccessKey}`;
    if (last?.of !== of) last = { of, key: signingKey(signing) };
    return last.key;
  };
}
