import type { BlockOf, Media } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { textMedia } from '../../media.ts';

export type MediaBlock = BlockOf<'image' | 'audio' | 'video' | 'file'>;
type Kind = 'image' | 'audio' | 'video' | 'document';

/** Media types of the formats that the API has. @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html */
const FORMATS: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  image: { png: 'image/png', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp' },
  audio: {
    mp3: 'audio/mp3',
    wav: 'audio/wav',
    opus: 'audio/opus',
    aac: 'audio/aac',
    flac: 'audio/flac',
    mp4: 'audio/mp4',
    ogg: 'audio/ogg',
    mkv: 'audio/mkv',
    mka: 'audio/mka',
    'x-aac': 'audio/x-aac',
    m4a: 'audio/m4a',
    mpeg: 'audio/mpeg',
    mpga: 'audio/mpga',
    pcm: 'audio/pcm',
    webm: 'audio/webm',
  },
  video: {
    mp4: 'video/mp4',
    mov: 'video/quicktime',
    mkv: 'video/x-matroska',
    webm: 'video/webm',
    flv: 'video/x-flv',
    mpeg: 'video/mpeg',
    mpg: 'video/mpg',
    wmv: 'video/x-ms-wmv',
    three_gp: 'video/3gpp',
  },
  document: {
    pdf: 'application/pdf',
    txt: 'text/plain',
    md: 'text/markdown',
    csv: 'text/csv',
    html: 'text/html',
    doc: 'application/msword',
    docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    xls: 'application/vnd.ms-excel',
    xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  },
};
/** Other names of the same. */
const SAME: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'audio/x-wav': 'audio/wav',
  'audio/wave': 'audio/wav',
  'audio/x-flac': 'audio/flac',
  'audio/x-m4a': 'audio/m4a',
  'video/mov': 'video/quicktime',
  'text/md': 'text/markdown',
  'text/x-markdown': 'text/markdown',
};
/** Other extensions of the same. */
const EXTENSIONS: Readonly<Record<string, string>> = { jpg: 'jpeg', htm: 'html', markdown: 'md', '3gp': 'three_gp' };
/** What something of a kind mostly is, where its address does not tell. */
const LIKELY: Readonly<Record<Kind, string>> = { image: 'jpeg', audio: 'mp3', video: 'mp4', document: 'pdf' };

/** What a block of media says beside its source: its media type. @throws where the format is none of the API's */
export function mediaIn(block: Fields, kind: Kind, losses: Losses): Media {
  // A document may leave it out where its source is text.
  const format = block.text('format') ?? (kind === 'document' ? 'txt' : block.requiredText('format'));
  const mediaType = Object.hasOwn(FORMATS[kind], format) ? FORMATS[kind][format] : undefined;
  if (mediaType === undefined) throw block.wrong('format', `must be one of ${Object.keys(FORMATS[kind]).join(', ')}, not "${format}"`);
  const source = block.object('source');
  if (source === undefined) throw block.wrong('source', 'is required');
  const media = sourceIn(source, mediaType, losses);
  losses.dropLeft(source);
  return media;
}

function sourceIn(source: Fields, mediaType: string, losses: Losses): Media {
  const base64 = source.text('bytes');
  if (base64 !== undefined) return { base64, mediaType };
  const place = source.object('s3Location');
  if (place !== undefined) {
    const fileId = place.requiredText('uri');
    losses.dropLeft(place);
    // Nobody else can open it.
    return { fileId, mediaType };
  }
  const text = source.text('text');
  if (text !== undefined) return textMedia(text);
  const parts = source.objects('content').map((part) => part.requiredText('text'));
  if (parts.length === 0) throw source.wrong('bytes', 'is required, or s3Location');
  losses.approximate(source.at('content'));
  return textMedia(parts.join('\n'));
}

/** `format` and `source` of a block. @returns undefined for what the API has no format for, or cannot get at */
export function mediaOf({ type, media }: MediaBlock, at: string, losses: Losses): Json | undefined {
  const kind = type === 'file' ? 'document' : type;
  if ('base64' in media) {
    const format = formatOf(media.mediaType, kind, at, losses);
    return format === undefined ? undefined : { format, source: { bytes: media.base64 } };
  }
  const uri = 'url' in media ? media.url : media.fileId;
  if (!uri.startsWith('s3://')) return undefined;
  const format =
    (media.mediaType === undefined ? byName(uri, kind) : formatOf(media.mediaType, kind, at, losses)) ?? likely(kind, at, losses);
  return { format, source: { s3Location: { uri } } };
}

function likely(kind: Kind, at: string, losses: Losses): string {
  losses.approximate(at);
  return LIKELY[kind];
}

function formatOf(mediaType: string, kind: Kind, at: string, losses: Losses): string | undefined {
  const plain = mediaType.split(';', 1)[0]!.trim().toLowerCase();
  const name = Object.hasOwn(SAME, plain) ? SAME[plain]! : plain;
  const format = Object.entries(FORMATS[kind]).find(([, each]) => each === name)?.[0];
  if (format !== undefined || kind !== 'document' || !name.startsWith('text/')) return format;
  losses.approximate(at);
  return 'txt';
}

function byName(uri: string, kind: Kind): string | undefined {
  const extension = /\.(\w{1,5})$/.exec(uri)?.[1]?.toLowerCase() ?? '';
  const format = Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension]! : extension;
  return Object.hasOwn(FORMATS[kind], format) ? format : undefined;
}
