import type { JsonObjectScan } from '../../../json/scan.ts';
import { badRequest, Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';
import { unsupported } from '../unsupported.ts';

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A request for images of what a text says. */
export interface ImagesRequest {
  readonly prompt: string;
  readonly count: number;
  /** undefined: as the model likes. */
  readonly size: Size | undefined;
  /** In the client's words; undefined: as the model likes. */
  readonly quality: string | undefined;
  readonly format: 'png' | 'jpeg' | 'webp' | undefined;
  /** From 0 to 100, which keeps the most. */
  readonly compression: number | undefined;
  /** The client asks that less be refused. */
  readonly isLenient: boolean;
}

const SIZE = /^(\d{1,5})x(\d{1,5})$/;
const FORMATS: readonly unknown[] = ['png', 'jpeg', 'webp'];

/**
 * Reads a request of the OpenAI API.
 *
 * @see https://platform.openai.com/docs/api-reference/images/create
 * @param losses takes what no other API can say
 * @throws GatewayError TK_BAD_REQUEST, and TK_UNSUPPORTED for a stream
 */
export function readImages(body: JsonObjectScan, losses: Losses): ImagesRequest {
  const fields = Fields.of(body);
  fields.raw('model');
  if (fields.boolean('stream') === true) throw unsupported('stream', 'the backend does not send images while it makes them');
  const request: ImagesRequest = {
    prompt: promptOf(fields),
    count: wholeNumber(fields, 'n', 1, 100) ?? 1,
    size: sizeOf(fields),
    quality: otherThan('auto', fields.text('quality')),
    format: formatOf(fields),
    compression: wholeNumber(fields, 'output_compression', 0, 100),
    isLenient: isLenient(fields, losses),
  };
  // The backends keep no images: they are in the answer.
  if (fields.text('response_format') === 'url') losses.approximate('response_format');
  // What models make has no holes unless it is asked for.
  const background = otherThan('auto', fields.text('background'));
  if (background !== undefined && background !== 'opaque') losses.drop('background');
  if ((fields.number('partial_images') ?? 0) !== 0) losses.drop('partial_images');
  losses.dropLeft(fields);
  return request;
}

function promptOf(fields: Fields): string {
  const prompt = fields.requiredText('prompt');
  if (prompt === '') throw badRequest('prompt', 'must have a text');
  return prompt;
}

function otherThan(usual: string, value: string | undefined): string | undefined {
  return value === usual ? undefined : value;
}

function wholeNumber(fields: Fields, name: string, least: number, most: number): number | undefined {
  const value = fields.number(name);
  if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
    throw badRequest(name, `must be a whole number from ${least} to ${most}`);
  return value;
}

function sizeOf(fields: Fields): Size | undefined {
  const text = otherThan('auto', fields.text('size'));
  if (text === undefined) return undefined;
  const [, width, height] = (SIZE.exec(text) ?? []).map(Number);
  if (!width || !height) throw badRequest('size', 'must be auto, or pixels such as 1024x1024');
  return { width, height };
}

function formatOf(fields: Fields): ImagesRequest['format'] {
  const format = fields.text('output_format');
  if (format !== undefined && !FORMATS.includes(format)) throw badRequest('output_format', 'must be png, jpeg or webp');
  return format as ImagesRequest['format'];
}

function isLenient(fields: Fields, losses: Losses): boolean {
  const moderation = otherThan('auto', fields.text('moderation'));
  if (moderation !== undefined && moderation !== 'low') losses.drop('moderation');
  return moderation === 'low';
}
