/**
 * `POST /v1/images/generations`: a tiny picture in two colours taken from a hash of the prompt.
 * @see https://platform.openai.com/docs/api-reference/images
 */
import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import type OpenAI from 'openai';
import { type Answer, badField, type Incoming, json, readInteger, readJson, readString } from './http.ts';
import { readModel } from './models.ts';
import { ATTACHMENT_TOKENS, countTokens } from './tokens.ts';

const SIDE = 16;
const MAX_IMAGES = 10;

export function imageGenerations(request: Incoming): Answer {
  const body = readJson(request);
  readModel(body, 'image');
  const prompt = readString(body, 'prompt');
  const count = readInteger(body, 'n', 1) ?? 1;
  if (count > MAX_IMAGES) throw badField('n', `must be at most ${MAX_IMAGES}`);
  if ((body['response_format'] ?? 'b64_json') !== 'b64_json')
    throw badField('response_format', 'the example upstream stores no files: only b64_json');
  if ((body['output_format'] ?? 'png') !== 'png') throw badField('output_format', 'the example upstream draws only png');

  const input = countTokens(prompt);
  const output = count * ATTACHMENT_TOKENS;
  const answer: OpenAI.Images.ImagesResponse = {
    created: Math.floor(Date.now() / 1000),
    data: Array.from({ length: count }, (_, index) => ({ b64_json: picture(`${index} ${prompt}`).toString('base64') })),
    output_format: 'png',
    usage: {
      input_tokens: input,
      output_tokens: output,
      total_tokens: input + output,
      input_tokens_details: { text_tokens: input, image_tokens: 0 },
    },
  };
  return json(answer);
}

/** A chequered PNG of 16 by 16 pixels, 8-bit RGB. */
function picture(seed: string): Buffer {
  const hash = createHash('sha256').update(seed).digest();
  const colours = [hash.subarray(0, 3), hash.subarray(3, 6)] as const;
  const rows = Array.from({ length: SIDE }, (_, y) => {
    const pixels = Array.from({ length: SIDE }, (_unused, x) => (((x >> 2) + (y >> 2)) % 2 === 0 ? colours[0] : colours[1]));
    // Every row begins with the filter it uses: 0, none.
    return Buffer.concat([Buffer.from([0]), ...pixels]);
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE, 0);
  header.writeUInt32BE(SIDE, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.concat(rows))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Length, type, data and checksum. @see https://www.w3.org/TR/png-3/#5Chunk-layout */
function pngChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, check]);
}
