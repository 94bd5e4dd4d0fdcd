import { expect, test } from 'vitest';

import { backendsYaml, routeYaml } from './gateway.fixture.ts';
import { routesOf } from '../core/route/route.fixture.ts';

const CONFIG = `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: GatewayConfig
metadata: {name: config}
spec:
  extProc: {kubernetes: {resources: {limits: {cpu: 1}}}}
  globalLLMRequestCosts: [{metadataKey: total, type: TotalToken}]`;

test('what is valid and has no effect in this release is told at the start', () => {
  const { compiled, problems } = routesOf([backendsYaml([{ name: 'a', port: 1 }]), CONFIG, routeYaml('m', ['a'])].join('\n---\n'));
  expect(problems).toEqual([]);
  expect(compiled.notices).toEqual([
    'GatewayConfig default/config: extProc has no effect: there is no external processor here',
    'AIGatewayRoute default/m is open: no SecurityPolicy says who may call',
  ]);
});

test('what has no such part tells nothing of it', () => {
  expect(routesOf([backendsYaml([{ name: 'a', port: 1 }]), routeYaml('m', ['a'])].join('\n---\n')).compiled.notices).toEqual([
    'AIGatewayRoute default/m is open: no SecurityPolicy says who may call',
  ]);
});
