import type { JsonObjectScan } from '../../../json/scan.ts';
import { Fields } from '../../fields.ts';
import { given } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation, OperationAnswer } from '../../operation.ts';
import { bedrockModel } from '../bedrock-model.ts';
import { unsupported } from '../unsupported.ts';
import { imagesAnswer, noImage } from './answer.ts';
import { canvasSize } from './canvas-size.ts';
import { readImages, type ImagesRequest } from './request.ts';

const QUALITIES: ReadonlyMap<string, string> = new Map([
  ['standard', 'standard'],
  ['low', 'standard'],
  ['medium', 'standard'],
  ['high', 'premium'],
  ['hd', 'premium'],
]);
/** In steps that the model does not have. */
const ROUGH: ReadonlySet<string> = new Set(['low', 'medium']);

/**
 * Amazon Nova Canvas on Bedrock, which makes PNG.
 *
 * @see https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html
 */
export const bedrockImages: Operation = {
  name: 'bedrock-images',
  encode(body, model) {
    if (bedrockModel(model)?.startsWith('amazon.nova-canvas-') !== true)
      throw unsupported('model', 'images on Bedrock are for models called amazon.nova-canvas-…, not for this one');
    const losses = new Losses();
    const request = readImages(body, losses);
    const { prompt, count, size, format, compression, isLenient } = request;
    if (format !== undefined && format !== 'png') losses.approximate('output_format');
    if (compression !== undefined) losses.drop('output_compression');
    if (isLenient) losses.drop('moderation');
    const pixels = size && canvasSize(size);
    if (pixels?.width !== size?.width || pixels?.height !== size?.height) losses.approximate('size');
    return {
      verb: 'invoke',
      body: {
        taskType: 'TEXT_IMAGE',
        textToImageParams: { text: prompt },
        imageGenerationConfig: given({ numberOfImages: count, ...pixels, quality: qualityOf(request, losses) }),
      },
      losses: losses.list(),
      decode: (answer) => answerIn(answer, request),
    };
  },
};

function qualityOf({ quality }: ImagesRequest, losses: Losses): string | undefined {
  if (quality === undefined) return undefined;
  const known = QUALITIES.get(quality);
  if (known === undefined) losses.drop('quality');
  else if (ROUGH.has(quality)) losses.approximate('quality');
  return known;
}

/**
 * `error` tells in a good answer that some images, or all, were filtered out.
 *
 * @see https://docs.aws.amazon.com/nova/latest/userguide/image-gen-errors.html
 * @throws UnacceptableAnswer
 */
function answerIn(body: JsonObjectScan, request: ImagesRequest): OperationAnswer {
  const losses = new Losses();
  const answer = Fields.of(body, malformed);
  const reason = answer.text('error');
  const images = (answer.list('images') ?? []).map((base64, index) => {
    if (typeof base64 !== 'string' || base64 === '') throw malformed(`images[${index}]`, 'must be a text');
    return { base64, mediaType: 'image/png', prompt: undefined };
  });
  if (images.length === 0) throw noImage(reason, request);
  if (reason !== undefined) losses.drop('error');
  if (images.length < request.count) losses.approximate('images');
  losses.dropLeft(answer);
  return imagesAnswer(images, losses);
}
