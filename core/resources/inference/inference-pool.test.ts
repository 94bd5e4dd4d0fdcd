import { expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { InferencePool } from './inference-pool.ts';

const POOL = 'selector: {matchLabels: {app: vllm}}, targetPorts: [{number: 8000}]';

it('fills in the defaults', () => {
  const body = {
    spec: {
      selector: { matchLabels: { app: 'vllm' } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'epp', port: { number: 9002 } },
    },
  };
  expect(problemsOf(InferencePool, body)).toEqual([]);
  expect(body.spec).toEqual({
    selector: { matchLabels: { app: 'vllm' } },
    targetPorts: [{ number: 8000 }],
    appProtocol: 'http',
    endpointPickerRef: { group: '', kind: 'Service', name: 'epp', port: { number: 9002 }, failureMode: 'FailClose' },
  });
});

it.each([
  ['a pool without a picker', `{${POOL}}`, []],
  ['a picker of another kind needs no port', `{${POOL}, endpointPickerRef: {group: a.b, kind: Picker, name: p}}`, []],
  [
    'a picker that is a Service by default',
    `{${POOL}, endpointPickerRef: {name: p}}`,
    ['spec.endpointPickerRef.port: is required, as p is a Service'],
  ],
  [
    'a picker that says so',
    `{${POOL}, endpointPickerRef: {kind: Service, name: p}}`,
    ['spec.endpointPickerRef.port: is required, as p is a Service'],
  ],
  [
    'one port twice',
    '{selector: {matchLabels: {a: b}}, targetPorts: [{number: 1}, {number: 2}, {number: 1}]}',
    ['spec.targetPorts[2].number: port 1 stands here twice'],
  ],
  ['no port', '{selector: {matchLabels: {a: b}}, targetPorts: []}', ['spec.targetPorts: must NOT have fewer than 1 items, not []']],
  [
    'nine ports',
    `{selector: {matchLabels: {a: b}}, targetPorts: [${Array.from({ length: 9 }, (_, index) => `{number: ${index + 1}}`).join(', ')}]}`,
    [expect.stringMatching(/^spec\.targetPorts: must NOT have more than 8 items/)],
  ],
  [
    'a selector that selects everything',
    '{selector: {matchLabels: {}}, targetPorts: [{number: 1}]}',
    ['spec.selector.matchLabels: must NOT have fewer than 1 properties, not {}'],
  ],
  [
    'a label that is none',
    '{selector: {matchLabels: {a: b-}}, targetPorts: [{number: 1}]}',
    [expect.stringMatching(/^spec\.selector\.matchLabels\.a: "b-" is no /)],
  ],
  [
    'an unknown failure mode',
    `{${POOL}, endpointPickerRef: {name: p, port: {number: 1}, failureMode: FailOpened}}`,
    ['spec.endpointPickerRef.failureMode: must be one of FailOpen, FailClose, not "FailOpened"; did you mean "FailOpen"?'],
  ],
  ['an unknown protocol', `{${POOL}, appProtocol: grpc}`, ['spec.appProtocol: must be one of http, kubernetes.io/h2c, not "grpc"']],
  ['the field of v1alpha2', `{${POOL}, targetPortNumber: 8000}`, [expect.stringMatching(/^spec\.targetPortNumber: unknown field/)]],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(InferencePool, yaml)).toEqual(problems);
});
