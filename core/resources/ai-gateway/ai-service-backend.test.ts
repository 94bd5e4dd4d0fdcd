import { expect, test } from 'vitest';

import { AIServiceBackend } from './ai-service-backend.ts';
import { problemsOf, problemsOfSpec } from './problems-of.ts';

const BACKEND = 'backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: b}';
const of = (yaml: string) => problemsOfSpec(AIServiceBackend, yaml);

test.each([
  `schema: {name: OpenAI, prefix: /v1beta/openai}\n${BACKEND}`,
  `schema: {name: AzureOpenAI, version: 2025-01-01-preview}\n${BACKEND}`,
  `schema: {name: Anthropic}\n${BACKEND}`,
  `schema: {name: GCPAnthropic, version: vertex-2023-10-16}\n${BACKEND}`,
  `schema: {name: GCPVertexAI}\n${BACKEND}`,
  `schema: {name: Cohere, version: v2}\nbackendRef: {group: gateway.envoyproxy.io, kind: Backend, name: b, namespace: n, port: 443}`,
  `schema: {name: OpenAI}\n${BACKEND}\nheaderMutation: {set: [{name: a, value: b}]}\nbodyMutation: {remove: [c]}`,
])('%s is valid', (yaml) => {
  expect(of(yaml)).toEqual([]);
});

test.each([
  [
    `schema: {name: OpenAi}\n${BACKEND}`,
    'spec.schema.name: must be one of OpenAI, AzureOpenAI, Anthropic, Cohere, AWSBedrock, AWSAnthropic, GCPVertexAI, GCPAnthropic, not "OpenAi"; did you mean "OpenAI"?',
  ],
  [`schema: {}\n${BACKEND}`, 'spec.schema.name: is required'],
  [BACKEND, 'spec.schema: is required'],
  [`schema: {name: OpenAI, verson: v1}\n${BACKEND}`, 'spec.schema.verson: unknown field; did you mean "version"?'],
  [
    'schema: {name: OpenAI}\nbackendRef: {name: b, port: 80}',
    'spec.backendRef: must be a Backend of gateway.envoyproxy.io, not Service of the core group; set group and kind',
  ],
  [
    'schema: {name: OpenAI}\nbackendRef: {name: b, kind: Backend, group: example.com}',
    'spec.backendRef: must be a Backend of gateway.envoyproxy.io, not Backend of example.com; set group and kind',
  ],
  [
    `schema: {name: OpenAI}\n${BACKEND}\nheaderMutation: {remove: [a, a]}`,
    'spec.headerMutation.remove[1]: "a" is also in spec.headerMutation.remove[0]; it may occur once',
  ],
])('%s', (yaml, problem) => {
  expect(of(yaml)).toEqual([problem]);
});

test('a document without spec is told so', () => {
  expect(problemsOf(AIServiceBackend, {})).toEqual(['spec: is required']);
});
