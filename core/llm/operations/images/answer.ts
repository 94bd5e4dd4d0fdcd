import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { given } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { OperationAnswer } from '../../operation.ts';
import type { ImagesRequest } from './request.ts';

export interface Image {
  readonly base64: string;
  /** Such as `image/png`. */
  readonly mediaType: string | undefined;
  /** What the model made of the client's text. */
  readonly prompt: string | undefined;
}

const FORMATS: ReadonlyMap<string, string> = new Map([
  ['image/png', 'png'],
  ['image/jpeg', 'jpeg'],
  ['image/webp', 'webp'],
]);

/** Writes the answer of the OpenAI API. @see https://platform.openai.com/docs/api-reference/images/object */
export function imagesAnswer(images: readonly Image[], losses: Losses): OperationAnswer {
  const types = new Set(images.map(({ mediaType }) => mediaType));
  const [type] = types;
  const body = given({
    created: Math.floor(Date.now() / 1000),
    data: images.map(({ base64, prompt }) => given({ b64_json: base64, revised_prompt: prompt })),
    output_format: types.size === 1 ? FORMATS.get(type ?? '') : undefined,
  });
  return { body, usage: undefined, losses: losses.list() };
}

/** Characters of a backend's reason that are shown. */
const MOST_OF_REASON = 500;

/** There is no image, or nothing is left of what the model made. @param reason as the backend tells it */
export function noImage(reason: string | undefined, { prompt }: ImagesRequest): UnacceptableAnswer {
  if (reason === undefined) return malformed('', 'has no image');
  // The message goes to logs, where the client's text must not be.
  const isShown = !reason.toLowerCase().includes(prompt.toLowerCase());
  return new UnacceptableAnswer('filtered', `the backend made no image${isShown ? `: ${reason.slice(0, MOST_OF_REASON)}` : ''}`);
}
