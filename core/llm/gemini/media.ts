import type { Block, Media } from '../conversation.ts';
import type { Fields } from '../fields.ts';
import { given, type Json } from '../given.ts';
import type { Losses, Writing } from '../losses.ts';
import { typeByName } from '../media-type.ts';

export type MediaBlock = Extract<Block, { readonly media: Media }>;
type Kind = MediaBlock['type'];

/** What something of a kind mostly is, where its address does not tell. */
const LIKELY: Readonly<Record<Kind, string>> = { image: 'image/jpeg', audio: 'audio/mp3', video: 'video/mp4', file: 'application/pdf' };
/** Files of Google's own, which nobody else can open: of its File API, and of Cloud Storage. */
const OWN_FILE = /^(gs:\/\/|https:\/\/generativelanguage\.googleapis\.com\/)/;
const YOUTUBE = /^https:\/\/(www\.|m\.)?(youtube\.com|youtu\.be)\//;

function kindOf(mediaType: string | undefined): Kind {
  const [kind] = mediaType?.split('/', 1) ?? [];
  return kind === 'image' || kind === 'audio' || kind === 'video' ? kind : 'file';
}

/** `inlineData`. @see https://ai.google.dev/api/caching#Blob */
export function inlineIn(of: Fields, losses: Losses): MediaBlock {
  const mediaType = of.requiredText('mimeType');
  return mediaBlock({ base64: of.requiredText('data'), mediaType }, kindOf(mediaType), of, losses);
}

/** `fileData`. @see https://ai.google.dev/api/caching#FileData */
export function fileIn(of: Fields, losses: Losses): MediaBlock {
  const uri = of.requiredText('fileUri');
  const said = of.text('mimeType');
  const byName = typeByName(uri);
  const kind = said === undefined && YOUTUBE.test(uri) ? 'video' : kindOf(said ?? byName);
  const mediaType = said === byName ? undefined : said;
  return mediaBlock(OWN_FILE.test(uri) ? { fileId: uri, mediaType } : { url: uri, mediaType }, kind, of, losses);
}

function mediaBlock(media: Media, kind: Kind, of: Fields, losses: Losses): MediaBlock {
  const name = kind === 'file' ? of.text('displayName') : undefined;
  losses.dropLeft(of);
  if (kind === 'image') return { type: kind, media, detail: undefined };
  return kind === 'file' ? { type: kind, media, name } : { type: kind, media };
}

/** @returns undefined for what Google cannot get at */
export function mediaPart(block: MediaBlock, at: string, to: Writing): Json | undefined {
  const { media, type } = block;
  if (block.type === 'image' && block.detail !== undefined && block.detail !== 'auto') to.losses.drop(`${at}.detail`);
  const name = block.type === 'file' ? block.name : undefined;
  // The Gemini API refuses `displayName`, which Vertex has.
  if (name !== undefined && !to.isOwn) to.losses.drop(`${at}.filename`);
  const named = given({ displayName: to.isOwn ? name : undefined });
  if ('base64' in media) return { inlineData: { mimeType: media.mediaType, data: media.base64, ...named } };
  const fileUri = 'url' in media ? media.url : media.fileId;
  if ('fileId' in media && !OWN_FILE.test(fileUri)) {
    to.losses.drop(at);
    return undefined;
  }
  const known = media.mediaType ?? typeByName(fileUri);
  if (known !== undefined || to.isOwn || YOUTUBE.test(fileUri)) return { fileData: { ...given({ mimeType: known }), fileUri, ...named } };
  // Vertex does not go on without it.
  to.losses.approximate(at);
  return { fileData: { mimeType: LIKELY[type], fileUri } };
}
