import { load } from 'js-yaml';
import { expect, it } from 'vitest';

import { defineKind } from '../kind.ts';
import { list, object } from '../schema.ts';
import { validate } from '../validate.ts';
import { checkClientSelectors, ClientSelector } from './client-selector.ts';

const Selecting = defineKind({
  kind: 'Selecting',
  group: 'example.com',
  versions: ['v1'],
  namespaced: true,
  schema: object({ s: list(ClientSelector, 8) }),
  refused: {},
  rules: ({ s }, report) => checkClientSelectors(s, 's', report),
});

function problems(selector: string): string[] {
  const found: string[] = [];
  validate(Selecting, { s: [load(selector)] }, (path, message) => found.push(`${path}: ${message}`));
  return found;
}

it.each([
  ['{}', 's[0]: must have one of headers, methods, path, queryParams and sourceCIDR'],
  ['{headers: [], methods: [], queryParams: []}', 's[0]: must have one of headers, methods, path, queryParams and sourceCIDR'],
  ['{headers: [{name: "a b", value: c}]}', 's[0].headers[0].name: "a b" is no header name'],
  ['{headers: [{name: ":authority", value: c}]}', 's[0].headers[0].name: ":authority" is no header name'],
  [
    '{headers: [{name: Connection, value: c}]}',
    's[0].headers[0].name: header connection belongs to the connection, and tells nothing of who calls',
  ],
  [
    '{headers: [{name: X-Envoy-Original-Path, type: Distinct}]}',
    's[0].headers[0].name: header x-envoy-original-path is one that only gateways set: it is not read from clients, so no request would match',
  ],
  ['{headers: [{name: a}]}', 's[0].headers[0].value: is required when type is Exact'],
  ['{headers: [{name: a, type: RegularExpression}]}', 's[0].headers[0].value: is required when type is RegularExpression'],
  ['{headers: [{name: a, type: Distinct, value: b}]}', 's[0].headers[0].value: cannot be used with type Distinct, which takes every value'],
  [
    '{headers: [{name: a, type: Distinct, invert: true}]}',
    's[0].headers[0].invert: cannot be used with type Distinct, which takes every value',
  ],
  [
    '{headers: [{name: a, type: RegularExpression, value: "(?=a)"}]}',
    expect.stringMatching(/^s\[0\]\.headers\[0\]\.value: "\(\?=a\)" is no RE2/),
  ],
  [
    '{headers: [{name: a, type: Distinkt}]}',
    's[0].headers[0].type: must be one of Exact, RegularExpression, Distinct, not "Distinkt"; did you mean "Distinct"?',
  ],
  [
    '{methods: [{value: get}]}',
    expect.stringMatching(/^s\[0\]\.methods\[0\]\.value: must be one of GET, .*, not "get"; did you mean "GET"\?$/),
  ],
  ['{path: {value: v1}}', 's[0].path.value: must begin with "/", not "v1"'],
  ['{path: {type: RegularExpression, value: "["}}', expect.stringMatching(/^s\[0\]\.path\.value: "\[" is no RE2/)],
  [
    '{queryParams: [{name: q, type: Distinct, value: x}]}',
    's[0].queryParams[0].value: cannot be used with type Distinct, which takes every value',
  ],
  ['{queryParams: [{name: q}]}', 's[0].queryParams[0].value: is required when type is Exact'],
  ['{sourceCIDR: {value: 10.0.0.1}}', 's[0].sourceCIDR.value: "10.0.0.1" is no address range such as 10.0.0.0/8'],
  ['{sourceCIDR: {value: 10.0.0.0/33}}', 's[0].sourceCIDR.value: "10.0.0.0/33" is no address range such as 10.0.0.0/8'],
  ['{sourceCidr: {value: 10.0.0.0/8}}', 's[0].sourceCidr: unknown field; did you mean "sourceCIDR"?'],
])('%s', (selector, problem) => {
  expect(problems(selector)).toEqual([problem]);
});

it.each([
  '{headers: [{name: X-AI-EG-Model, type: Distinct}]}',
  '{path: {}}',
  '{headers: [{name: a, value: ""}]}',
  '{headers: [{name: host, value: a}]}',
])('takes %s', (selector) => {
  expect(problems(selector)).toEqual([]);
});
