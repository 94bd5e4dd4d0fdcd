const MARK = Buffer.from('base64');
const QUOTE = 0x22;
/** A run that is shorter is as well counted as text. */
const LEAST_BYTES = 1024;
/** What an image or a document counts as, in bytes of text. */
const PART_BYTES = 4096;
/** Strings, member names and what stands between them that may lie between the mark and the data. */
const MOST_PIECES = 16;
/** So much of a run must look like base64. */
const SAMPLE_BYTES = 256;

/**
 * Bytes of a JSON body that say how many tokens it has. Images and files are in it as base64, whose length says nothing: each counts as
 * one part. It is known by its mark: `data:image/png;base64,…`, or `"type":"base64"` with the data in one of the next members.
 */
export function textBytes(body: Buffer): number {
  let bytes = body.length;
  if (bytes < LEAST_BYTES) return bytes;
  let at = body.indexOf(MARK);
  while (at !== -1) {
    const { start, end } = runBehind(body, at + MARK.length);
    if (end - start >= LEAST_BYTES && isBase64(body, start)) bytes -= end - start - PART_BYTES;
    at = body.indexOf(MARK, end);
  }
  return Math.max(0, bytes);
}

/** The first long piece between quotes behind a mark; of no length where there is none. */
function runBehind(body: Buffer, from: number): { readonly start: number; readonly end: number } {
  let start = from;
  for (let piece = 0; piece < MOST_PIECES; piece++) {
    const end = body.indexOf(QUOTE, start);
    if (end === -1) break;
    if (end - start >= LEAST_BYTES) return { start, end };
    start = end + 1;
  }
  return { start: from, end: from };
}

/** Letters, digits, `+ / = - _`, and the comma behind the mark. Text has spaces. */
function isBase64(body: Buffer, start: number): boolean {
  return /^,?[\w+/=-]+$/.test(body.toString('latin1', start, start + SAMPLE_BYTES));
}
