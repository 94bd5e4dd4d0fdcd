import { expect, it } from 'vitest';

import { problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { ReferenceGrant } from './reference-grant.ts';

const FROM = '{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: apps}';

it.each([
  ['one Secret', `{from: [${FROM}], to: [{group: "", kind: Secret, name: key}]}`, []],
  ['every Secret', `{from: [${FROM}], to: [{group: "", kind: Secret}]}`, []],
  [
    'the empty lists',
    '{from: [], to: []}',
    ['spec.from: must NOT have fewer than 1 items, not []', 'spec.to: must NOT have fewer than 1 items, not []'],
  ],
  [
    'too long a list',
    `{from: [${Array.from({ length: 17 }, () => FROM).join(', ')}], to: [{group: "", kind: Secret}]}`,
    [expect.stringMatching(/^spec\.from: must NOT have more than 16 items/)],
  ],
  ['no group: core has to be said', `{from: [${FROM}], to: [{kind: Secret}]}`, ['spec.to[0].group: is required']],
  [
    'names that no object can have',
    '{from: [{group: A_B, kind: "1", namespace: a.b}], to: [{group: "", kind: Secret}]}',
    [
      expect.stringMatching(/^spec\.from\[0\]\.group: /),
      expect.stringMatching(/^spec\.from\[0\]\.kind: /),
      expect.stringMatching(/^spec\.from\[0\]\.namespace: /),
    ],
  ],
  [
    'a misspelt field',
    `{from: [${FROM}], to: [{group: "", kind: Secret, nmae: key}]}`,
    ['spec.to[0].nmae: unknown field; did you mean "name"?'],
  ],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(ReferenceGrant, yaml)).toEqual(problems);
});
