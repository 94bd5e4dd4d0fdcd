import { expect, it } from 'vitest';

import { bedrockInputUsage, bedrockModel } from './bedrock-model.ts';

// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
it.each([
  ['amazon.titan-embed-text-v2:0', 'amazon.titan-embed-text-v2:0'],
  ['us.cohere.embed-v4:0', 'cohere.embed-v4:0'],
  ['global.cohere.embed-v4:0', 'cohere.embed-v4:0'],
  ['us-gov.amazon.titan-embed-text-v2:0', 'amazon.titan-embed-text-v2:0'],
  ['arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0', 'cohere.rerank-v3-5:0'],
  ['arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.cohere.embed-v4:0', 'cohere.embed-v4:0'],
  ['arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3', undefined],
  ['arn:aws:bedrock:us-east-1:123456789012:provisioned-model/amazon', undefined],
  ['eu.anthropic.claude-3', 'anthropic.claude-3'],
  ['cohere', undefined],
  ['', undefined],
])('%s is %s', (id, name) => {
  expect(bedrockModel(id)).toBe(name);
});

it.each([
  ['12', 12],
  ['0', 0],
  ['', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['9'.repeat(40), undefined],
  [undefined, undefined],
])('a header of %s tokens counts %s', (value, tokens) => {
  const usage = bedrockInputUsage(value === undefined ? {} : { 'x-amzn-bedrock-input-token-count': value });
  expect([usage?.input, usage?.output, usage?.total]).toEqual([tokens, undefined, tokens]);
});
