import { expect, it } from 'vitest';

import { gatewayYaml, httpRouteYaml, routesOf, TO_B } from './route.fixture.ts';

const configYaml = (spec: string) => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: GatewayConfig
metadata: {name: config}
spec: {${spec}}
`;
const configured = (name: string) =>
  gatewayYaml().replace('metadata: {name: gw}', `metadata: {name: gw, annotations: {aigateway.envoyproxy.io/gateway-config: ${name}}}`);

it('a GatewayConfig that is not there is reported, with the nearest name', () => {
  expect(routesOf(configured('confg') + configYaml('')).problems).toEqual([
    'Gateway default/gw: metadata.annotations["aigateway.envoyproxy.io/gateway-config"]: there is no GatewayConfig default/confg; did you mean "config"?',
  ]);
});

it('of what it says only the external processor is without effect', () => {
  const all = configYaml('extProc: {}, globalLLMRequestCosts: [{metadataKey: a, type: InputToken}]');
  expect(routesOf(configured('config') + all).compiled.notices).toEqual([
    'GatewayConfig default/config: extProc has no effect: there is no external processor here',
  ]);
});

it('its costs are for the Gateways that name it', () => {
  const web = httpRouteYaml('web', `rules: [{${TO_B}}]`);
  const costs = (gateway: string) => [
    ...routesOf(gateway + web + configYaml('globalLLMRequestCosts: [{metadataKey: a, type: InputToken}]'))
      .ordinary('/')
      .costs.keys(),
  ];
  expect([costs(configured('config')), costs(gatewayYaml())]).toEqual([['a'], []]);
});
