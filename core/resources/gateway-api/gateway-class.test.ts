import { expect, it } from 'vitest';

import { problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { GatewayClass } from './gateway-class.ts';

it.each([
  ['a class', 'controllerName: gateway.envoyproxy.io/gatewayclass-controller', []],
  [
    'settings for proxies',
    `{controllerName: tierkit.dev/gateway, description: "", parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: a, namespace: b}}`,
    [],
  ],
  ['no controller', 'description: x', ['spec.controllerName: is required']],
  [
    'a controller without a path',
    'controllerName: tierkit.dev',
    [expect.stringMatching(/^spec\.controllerName: "tierkit\.dev" is no text that matches/)],
  ],
  ['a misspelt field', '{controllerName: a.b/c, descripton: x}', ['spec.descripton: unknown field; did you mean "description"?']],
  [
    'a long description',
    `{controllerName: a.b/c, description: ${'x'.repeat(65)}}`,
    [expect.stringContaining('spec.description: must NOT have more than 64')],
  ],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(GatewayClass, yaml)).toEqual(problems);
});
