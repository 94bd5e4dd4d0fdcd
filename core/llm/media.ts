import { badRequest } from './fields.ts';
import type { Media } from './conversation.ts';

const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,/;

/** What a `data:` URL has in it (RFC 2397), or where a URL leads. @throws GatewayError TK_BAD_REQUEST for data that is not base64 */
export function mediaAt(url: string, path: string): Media {
  if (!url.startsWith('data:')) return { url, mediaType: undefined };
  const found = DATA_URL.exec(url);
  if (found === null || found[3] === undefined) throw badRequest(path, 'must be a data: URL with base64, such as data:image/png;base64,…');
  return { base64: url.slice(found[0].length), mediaType: found[1] === '' ? 'text/plain' : found[1]! };
}

/** @returns undefined for a file of the provider's own, which has no address */
export function urlOf(media: Media): string | undefined {
  if ('base64' in media) return `data:${media.mediaType};base64,${media.base64}`;
  return 'url' in media ? media.url : undefined;
}

export function textMedia(text: string): Media {
  return { base64: Buffer.from(text).toString('base64'), mediaType: 'text/plain' };
}
