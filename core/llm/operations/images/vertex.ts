import type { JsonObjectScan } from '../../../json/scan.ts';
import { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation, OperationAnswer } from '../../operation.ts';
import { imagesAnswer, noImage, type Image } from './answer.ts';
import { readImages, type ImagesRequest } from './request.ts';

const RATIOS: readonly (readonly [name: string, ratio: number])[] = [
  ['1:1', 1],
  ['3:4', 3 / 4],
  ['4:3', 4 / 3],
  ['9:16', 9 / 16],
  ['16:9', 16 / 9],
];
/** Models that make images of about 4 million pixels as well as of about 1 million. */
const LARGE = /imagen-4(?!.*fast)/;
const PIXELS = 1024 * 1024;
/** What the client's API means where it says nothing of it. */
const USUAL_QUALITY = 'standard';
const ENVELOPE = ['deployedModelId', 'model', 'modelDisplayName', 'modelVersionId', 'metadata'] as const;

/**
 * Imagen on Vertex AI, which makes four images unless it is told how many.
 *
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/Shared.Types/VisionGenerativeModelParams
 */
export const vertexImages: Operation = {
  name: 'vertex-images',
  encode(body, model) {
    const losses = new Losses();
    const request = readImages(body, losses);
    const { prompt, count, quality, isLenient } = request;
    if (quality !== undefined && quality !== USUAL_QUALITY) losses.drop('quality');
    if (isLenient) losses.approximate('moderation');
    const parameters = given({
      sampleCount: count,
      ...sizing(request, model, losses),
      outputOptions: outputOptions(request, losses),
      safetySetting: isLenient ? 'block_only_high' : undefined,
      includeRaiReason: true,
    });
    return {
      verb: 'predict',
      body: { instances: [{ prompt }], parameters },
      losses: losses.list(),
      decode: (answer) => answerIn(answer, request),
    };
  },
};

/** The nearest shape and the nearest number of pixels. */
function sizing({ size }: ImagesRequest, model: string, losses: Losses): Json {
  if (size === undefined) return {};
  const { width, height } = size;
  const distance = (ratio: number) => Math.abs(Math.log(width / height / ratio));
  const [aspectRatio] = RATIOS.reduce((best, each) => (distance(each[1]) < distance(best[1]) ? each : best));
  const isLarge = LARGE.test(model) && width * height > 2 * PIXELS;
  const side = isLarge ? 2048 : 1024;
  if (width !== side || height !== side) losses.approximate('size');
  return given({ aspectRatio, sampleImageSize: isLarge ? '2K' : undefined });
}

function outputOptions({ format, compression }: ImagesRequest, losses: Losses): Json | undefined {
  if (format === 'webp') losses.approximate('output_format');
  const isJpeg = format === 'jpeg';
  // Here it is the quality that is left: the client's API does not say what its number is of.
  if (compression !== undefined) losses[isJpeg ? 'approximate' : 'drop']('output_compression');
  if (format === undefined) return undefined;
  return given({ mimeType: isJpeg ? 'image/jpeg' : 'image/png', compressionQuality: isJpeg ? compression : undefined });
}

/** Images that were filtered out are told; where all were, there is no answer. @throws UnacceptableAnswer */
function answerIn(body: JsonObjectScan, request: ImagesRequest): OperationAnswer {
  const losses = new Losses();
  const answer = Fields.of(body, malformed);
  const reasons: string[] = [];
  const images = answer.objects('predictions').flatMap((prediction): Image[] => {
    const base64 = prediction.text('bytesBase64Encoded');
    const reason = prediction.text('raiFilteredReason');
    const image = { mediaType: prediction.text('mimeType'), prompt: prediction.text('prompt') };
    if (reason !== undefined) {
      reasons.push(reason);
      losses.drop(prediction.at('raiFilteredReason'));
    } else if (!base64) throw malformed(prediction.at('bytesBase64Encoded'), 'is missing');
    losses.dropLeft(prediction);
    return base64 ? [{ base64, ...image }] : [];
  });
  if (images.length === 0) throw noImage(reasons[0], request);
  if (images.length < request.count) losses.approximate('predictions');
  for (const name of ENVELOPE) answer.raw(name);
  losses.dropLeft(answer);
  return imagesAnswer(images, losses);
}
