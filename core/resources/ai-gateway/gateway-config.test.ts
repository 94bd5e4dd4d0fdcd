import { expect, test } from 'vitest';

import { GatewayConfig } from './gateway-config.ts';
import { problemsOf, problemsOfSpec } from './problems-of.ts';

const of = (yaml: string) => problemsOfSpec(GatewayConfig, yaml);

test('costs are read, and settings of the external processor do no harm', () => {
  expect(
    of(`
extProc: {kubernetes: {image: 'repo:tag', resources: {limits: {cpu: 500m}}}}
globalLLMRequestCosts: [{metadataKey: in, type: InputToken}, {metadataKey: all, type: CEL, cel: input_tokens}]
`),
  ).toEqual([]);
});

test('a document without spec is valid', () => {
  expect(problemsOf(GatewayConfig, {})).toEqual([]);
});

test.each([
  [
    'globalLLMRequestCosts: [{metadataKey: in, type: InputToken}, {metadataKey: in, type: OutputToken}]',
    'spec.globalLLMRequestCosts[1].metadataKey: "in" is also in spec.globalLLMRequestCosts[0]; it may occur once',
  ],
  ['globalLLMRequestCosts: [{metadataKey: in, type: CEL}]', 'spec.globalLLMRequestCosts[0].cel: is required when type is CEL'],
  [
    'globalLLMRequestCosts: [{metadataKey: in, type: CEL, cel: input_tokens * 0.5}]',
    'spec.globalLLMRequestCosts[0].cel: "input_tokens * 0.5" is no cost: no such overload: uint * double: numbers of tokens are of type uint, like 2u; for a share of tokens write uint(double(input_tokens) * 0.5)',
  ],
  ['globalLLMRequestCosts: [{type: InputToken}]', 'spec.globalLLMRequestCosts[0].metadataKey: is required'],
  [
    'forwardProxy: {address: "proxy:3128"}',
    'spec.forwardProxy: is not supported: calls to backends go out directly; a forward proxy is not served yet',
  ],
  ['globalLlmRequestCosts: []', 'spec.globalLlmRequestCosts: unknown field; did you mean "globalLLMRequestCosts"?'],
])('%s', (yaml, problem) => {
  expect(of(yaml)).toEqual([problem]);
});
