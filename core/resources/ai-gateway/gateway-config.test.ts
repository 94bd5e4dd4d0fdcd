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

test.each(['proxy:3128', 'proxy.example.com:80', '10.0.0.1:3128', '[fd00::1]:3128'])('a forward proxy at %s', (address) => {
  expect(of(`forwardProxy: {address: "${address}"}`)).toEqual([]);
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
  ['forwardProxy: {}', 'spec.forwardProxy.address: is required'],
  ['forwardProxy: {address: ""}', 'spec.forwardProxy.address: must NOT have fewer than 1 characters, not ""'],
  [
    'forwardProxy: {address: "http://user:canary@proxy:3128"}',
    'spec.forwardProxy.address: must be host:port, such as "proxy.example.com:3128" or "[fd00::1]:3128"',
  ],
  ['forwardProxy: {address: "proxy:1", port: 1}', 'spec.forwardProxy.port: unknown field'],
  ['globalLlmRequestCosts: []', 'spec.globalLlmRequestCosts: unknown field; did you mean "globalLLMRequestCosts"?'],
])('%s', (yaml, problem) => {
  expect(of(yaml)).toEqual([problem]);
});
