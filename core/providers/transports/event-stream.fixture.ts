// For tests: what a backend of AWS sends.
import { crc32 } from 'node:zlib';

/** Total length, length of the headers, and the check sum of both. */
const PRELUDE = 12;
const CHECK_SUM = 4;
/** Type of a value that is a text. */
const TEXT = 7;

/** A message with text headers. */
export function eventMessage(headers: Readonly<Record<string, string>>, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(value));
      return [Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), Buffer.from([TEXT]), length, Buffer.from(value)];
    }),
  );
  const bytes = Buffer.alloc(PRELUDE + head.length + payload.length + CHECK_SUM);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(head.length, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  head.copy(bytes, PRELUDE);
  payload.copy(bytes, PRELUDE + head.length);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, bytes.length - CHECK_SUM)), bytes.length - CHECK_SUM);
  return bytes;
}
