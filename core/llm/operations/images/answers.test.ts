import { assert } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { answered, endures } from '../operations.fixture.ts';
import { bedrockImages } from './bedrock.ts';
import { vertexImages } from './vertex.ts';

const ONE = { model: 'm', prompt: 'A purple cat' };
const TWO = { ...ONE, n: 2 };
const IMAGEN = 'imagen-4.0-generate-001';
const CANVAS = 'amazon.nova-canvas-v1:0';
const png = (bytesBase64Encoded: string) => ({ bytesBase64Encoded, mimeType: 'image/png' });

describe('Imagen on Vertex AI', () => {
  it('gives images', () => {
    const answer = { predictions: [png('AAAA'), { ...png('BBBB'), prompt: 'A very purple cat' }], deployedModelId: '1' };
    expect(answered(vertexImages, IMAGEN, TWO, answer)).toEqual({
      body: {
        created: expect.any(Number) as number,
        data: [{ b64_json: 'AAAA' }, { b64_json: 'BBBB', revised_prompt: 'A very purple cat' }],
        output_format: 'png',
      },
      losses: [],
      usage: undefined,
    });
  });

  it('tells no format where there is not one', () => {
    const { body } = answered(vertexImages, IMAGEN, TWO, { predictions: [png('AAAA'), { ...png('BBBB'), mimeType: 'image/jpeg' }] });
    expect(body).not.toHaveProperty('output_format');
  });

  it('tells of images that were filtered out', () => {
    const { body, losses } = answered(vertexImages, IMAGEN, TWO, { predictions: [png('AAAA'), { raiFilteredReason: 'codes: 1' }] });
    expect(body['data']).toEqual([{ b64_json: 'AAAA' }]);
    expect(losses).toEqual(['approximated predictions', 'dropped predictions[1].raiFilteredReason']);
  });

  it('tells of images that are missing, and of what it leaves out', () => {
    const { losses } = answered(vertexImages, IMAGEN, TWO, { predictions: [{ ...png('AAAA'), safetyAttributes: {} }], more: 1 });
    expect(losses).toEqual(['approximated predictions', 'dropped more', 'dropped predictions[0].safetyAttributes']);
  });

  it.each<readonly [object, RegExp]>([
    [{ predictions: [{ raiFilteredReason: 'Support codes: 39322892' }] }, /no image: Support codes: 39322892$/],
    [{ predictions: [{ raiFilteredReason: 'The text "a PURPLE cat" was refused' }] }, /no image$/],
    [{ predictions: [{ raiFilteredReason: 'x'.repeat(9000) }] }, /no image: x{500}$/],
    [{ predictions: [] }, /no image$/],
    [{}, /no image$/],
    [{ predictions: [{ mimeType: 'image/png' }] }, /predictions\[0\]\.bytesBase64Encoded/],
    [{ predictions: [png('')] }, /predictions\[0\]\.bytesBase64Encoded/],
    [{ predictions: [{ bytesBase64Encoded: 1 }] }, /predictions\[0\]\.bytesBase64Encoded/],
    [{ predictions: 'no' }, /predictions/],
  ])('%j is the backend’s failure', (answer, message) => {
    const act = () => answered(vertexImages, IMAGEN, ONE, answer);
    expect(act).toThrow(UnacceptableAnswer);
    expect(act).toThrow(message);
  });
});

describe('Nova Canvas on Bedrock', () => {
  it('gives images', () => {
    const { body, losses } = answered(bedrockImages, CANVAS, TWO, { images: ['AAAA', 'BBBB'], error: null });
    expect(body).toMatchObject({ data: [{ b64_json: 'AAAA' }, { b64_json: 'BBBB' }], output_format: 'png' });
    expect(losses).toEqual([]);
  });

  // https://docs.aws.amazon.com/nova/latest/userguide/image-gen-errors.html
  it('tells of images that were filtered out', () => {
    const { body, losses } = answered(bedrockImages, CANVAS, TWO, { images: ['AAAA'], error: 'Some are blocked.' });
    expect(body['data']).toEqual([{ b64_json: 'AAAA' }]);
    expect(losses).toEqual(['approximated images', 'dropped error']);
  });

  it.each<readonly [object, RegExp]>([
    [{ images: [], error: 'All are blocked.' }, /no image: All are blocked\.$/],
    [{ error: 'All are blocked.' }, /no image: All are blocked\.$/],
    [{}, /no image$/],
    [{ images: [1] }, /images\[0\]/],
    [{ images: ['AAAA', ''] }, /images\[1\]/],
    [{ images: 'AAAA' }, /images/],
  ])('%j is the backend’s failure', (answer, message) => {
    const act = () => answered(bedrockImages, CANVAS, ONE, answer);
    expect(act).toThrow(UnacceptableAnswer);
    expect(act).toThrow(message);
  });
});

const WHOLE = {
  ...TWO,
  size: '1024x1536',
  quality: 'hd',
  output_format: 'jpeg',
  output_compression: 5,
  moderation: 'low',
  background: 'opaque',
  response_format: 'url',
  partial_images: 0,
};
it.each([
  [vertexImages, IMAGEN, { predictions: [{ ...png('AAAA'), prompt: 'p' }, { raiFilteredReason: 'r' }] }],
  [bedrockImages, CANVAS, { images: ['AAAA'], error: 'e' }],
] as const)('%o: whatever comes, it is understood or refused', (operation, model, answer) => {
  assert(endures(operation, [model], WHOLE, answer), { numRuns: 500 });
});
