const TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  heif: 'image/heif',
  wav: 'audio/wav',
  mp3: 'audio/mp3',
  aac: 'audio/aac',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  m4a: 'audio/m4a',
  mp4: 'video/mp4',
  mov: 'video/mov',
  mpeg: 'video/mpeg',
  mpg: 'video/mpg',
  webm: 'video/webm',
  avi: 'video/avi',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/md',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
};

/** The media type that the extension of an address tells. @returns undefined where it tells nothing */
export function typeByName(url: string): string | undefined {
  // The part behind the last dot of the path.
  const path = url.split(/[?#]/, 1)[0]!;
  const extension = /\/[^/]*\.(\w{1,5})$/.exec(path)?.[1];
  return extension === undefined ? undefined : TYPES[extension.toLowerCase()];
}
