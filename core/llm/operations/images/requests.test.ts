import { describe, expect, it } from 'vitest';

import { asked, refusal } from '../operations.fixture.ts';
import { bedrockImages } from './bedrock.ts';
import { vertexImages } from './vertex.ts';

const REQUEST = { model: 'm', prompt: 'a cat' };
const CANVAS = 'amazon.nova-canvas-v1:0';

type Case = readonly [fields: object, written: object, losses: readonly string[]];

// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api
describe('Imagen on Vertex AI', () => {
  it.each<Case>([
    [{}, {}, []],
    [{ n: 3 }, { sampleCount: 3 }, []],
    [{ size: 'auto', quality: 'auto', background: 'auto', moderation: 'auto', stream: false, partial_images: 0 }, {}, []],
    [{ size: '1024x1024', quality: 'standard', background: 'opaque', response_format: 'b64_json' }, { aspectRatio: '1:1' }, []],
    [{ size: '256x256' }, { aspectRatio: '1:1' }, ['approximated size']],
    [{ size: '1536x1024' }, { aspectRatio: '4:3' }, ['approximated size']],
    [{ size: '1024x1536' }, { aspectRatio: '3:4' }, ['approximated size']],
    [{ size: '1792x1024' }, { aspectRatio: '16:9' }, ['approximated size']],
    [{ size: '1024x1792' }, { aspectRatio: '9:16' }, ['approximated size']],
    [{ size: '2048x2048' }, { aspectRatio: '1:1', sampleImageSize: '2K' }, []],
    [{ size: '3840x2160' }, { aspectRatio: '16:9', sampleImageSize: '2K' }, ['approximated size']],
    [{ output_format: 'png' }, { outputOptions: { mimeType: 'image/png' } }, []],
    [{ output_format: 'webp' }, { outputOptions: { mimeType: 'image/png' } }, ['approximated output_format']],
    [
      { output_format: 'jpeg', output_compression: 80 },
      { outputOptions: { mimeType: 'image/jpeg', compressionQuality: 80 } },
      ['approximated output_compression'],
    ],
    [{ output_compression: 80 }, {}, ['dropped output_compression']],
    [{ moderation: 'low' }, { safetySetting: 'block_only_high' }, ['approximated moderation']],
    [{ moderation: 'none' }, {}, ['dropped moderation']],
    [{ response_format: 'url' }, {}, ['approximated response_format']],
    [
      { quality: 'hd', style: 'vivid', background: 'transparent', user: 'u', partial_images: 2, sparkle: 1 },
      {},
      ['background', 'partial_images', 'quality', 'sparkle', 'style', 'user'].map((name) => `dropped ${name}`),
    ],
  ])('%j', (fields, parameters, losses) => {
    expect(asked(vertexImages, 'imagen-4.0-generate-001', { ...REQUEST, ...fields })).toEqual({
      verb: 'predict',
      body: { instances: [{ prompt: 'a cat' }], parameters: { sampleCount: 1, includeRaiReason: true, ...parameters } },
      losses,
    });
  });

  it.each(['imagen-3.0-generate-002', 'imagen-4.0-fast-generate-001'])('%s makes no large images', (model) => {
    const { body, losses } = asked(vertexImages, model, { ...REQUEST, size: '2048x2048' });
    expect(body['parameters']).toEqual({ sampleCount: 1, includeRaiReason: true, aspectRatio: '1:1' });
    expect(losses).toEqual(['approximated size']);
  });
});

// https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html
describe('Nova Canvas on Bedrock', () => {
  it.each<Case>([
    [{}, {}, []],
    [{ n: 3 }, { numberOfImages: 3 }, []],
    [{ size: '1792x1024' }, { width: 1792, height: 1024 }, []],
    [{ size: '256x256' }, { width: 320, height: 320 }, ['approximated size']],
    [{ size: 'auto', quality: 'auto', output_format: 'png' }, {}, []],
    [{ quality: 'standard' }, { quality: 'standard' }, []],
    [{ quality: 'hd' }, { quality: 'premium' }, []],
    [{ quality: 'high' }, { quality: 'premium' }, []],
    [{ quality: 'medium' }, { quality: 'standard' }, ['approximated quality']],
    [{ quality: 'best' }, {}, ['dropped quality']],
    [
      { output_format: 'jpeg', output_compression: 80, moderation: 'low', style: 'vivid', response_format: 'url' },
      {},
      ['approximated output_format', 'approximated response_format', 'dropped moderation', 'dropped output_compression', 'dropped style'],
    ],
  ])('%j', (fields, imageGenerationConfig, losses) => {
    expect(asked(bedrockImages, CANVAS, { ...REQUEST, ...fields })).toEqual({
      verb: 'invoke',
      body: {
        taskType: 'TEXT_IMAGE',
        textToImageParams: { text: 'a cat' },
        imageGenerationConfig: { numberOfImages: 1, ...imageGenerationConfig },
      },
      losses,
    });
  });

  it.each(['amazon.titan-image-generator-v2:0', 'stability.sd3-large-v1:0', 'amazon.nova-lite-v1:0'])('%s makes none', (model) => {
    expect(refusal(() => asked(bedrockImages, model, REQUEST))).toEqual(['TK_UNSUPPORTED', 'model']);
  });
});

describe.each([
  [vertexImages, 'imagen-4.0-generate-001'],
  [bedrockImages, CANVAS],
] as const)('%o', (operation, model) => {
  it.each<readonly [object, string, string]>([
    [{ stream: true }, 'TK_UNSUPPORTED', 'stream'],
    [{ prompt: null }, 'TK_BAD_REQUEST', 'prompt'],
    [{ prompt: '' }, 'TK_BAD_REQUEST', 'prompt'],
    [{ prompt: ['a'] }, 'TK_BAD_REQUEST', 'prompt'],
    [{ n: 0 }, 'TK_BAD_REQUEST', 'n'],
    [{ n: 1.5 }, 'TK_BAD_REQUEST', 'n'],
    [{ size: 'big' }, 'TK_BAD_REQUEST', 'size'],
    [{ size: '0x1024' }, 'TK_BAD_REQUEST', 'size'],
    [{ size: 1024 }, 'TK_BAD_REQUEST', 'size'],
    [{ output_format: 'gif' }, 'TK_BAD_REQUEST', 'output_format'],
    [{ output_compression: 101 }, 'TK_BAD_REQUEST', 'output_compression'],
  ])('refuses %j', (fields, code, param) => {
    expect(refusal(() => asked(operation, model, { ...REQUEST, ...fields }))).toEqual([code, param]);
  });
});
