/** Bytes of body in one message. Envoy's own limit on a streamed reply is 64 KiB with the framing; the reference picker uses this figure. */
export const MAX_CHUNK_BYTES = 62_000;

/** Views of the buffer, none longer than `maxBytes`. An empty buffer is one empty chunk. */
export function* splitChunks(buffer: Buffer, maxBytes: number = MAX_CHUNK_BYTES): Generator<Buffer> {
  if (buffer.length === 0) yield buffer;
  for (let at = 0; at < buffer.length; at += maxBytes) yield buffer.subarray(at, at + maxBytes);
}
