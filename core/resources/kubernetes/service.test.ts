import { expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { Service } from './service.ts';

it.each([
  ['a Service', 'ports: [{port: 80, targetPort: 8080}]', []],
  [
    'all that a cluster writes into it',
    `
type: LoadBalancer
clusterIP: 10.0.0.1
clusterIPs: [10.0.0.1]
ipFamilies: [IPv4]
ipFamilyPolicy: SingleStack
internalTrafficPolicy: Cluster
externalTrafficPolicy: Cluster
sessionAffinity: None
allocateLoadBalancerNodePorts: true
selector: {app.kubernetes.io/name: a}
ports: [{name: http, port: 80, targetPort: http, protocol: TCP, nodePort: 30080, appProtocol: http}]
`,
    [],
  ],
  ['one port for two protocols', 'ports: [{name: a, port: 53}, {name: b, port: 53, protocol: UDP}]', []],
  ['a headless Service without ports', 'clusterIP: None', []],
  ['another host', '{type: ExternalName, externalName: api.example.com.}', []],
  ['no host', 'type: ExternalName', ['spec.externalName: is required for type ExternalName']],
  ['a URL for a host', '{type: ExternalName, externalName: "https://a.b"}', ['spec.externalName: "https://a.b" is no host name']],
  [
    'an address for another host',
    '{type: ExternalName, externalName: a, clusterIP: None}',
    ['spec.clusterIP: must not be set for type ExternalName'],
  ],
  ['no ports', '{}', ['spec.ports: is required']],
  ['an address that is none', '{clusterIP: none, ports: [{port: 1}]}', ['spec.clusterIP: "none" is neither an IP address nor None']],
  [
    'headless and open to the world',
    '{type: NodePort, clusterIP: None, ports: [{port: 1}]}',
    ['spec.clusterIP: must not be None for type NodePort'],
  ],
  ['ports without names', 'ports: [{name: a, port: 1}, {port: 2}]', ['spec.ports[1].name: is required when a Service has several ports']],
  [
    'twins',
    'ports: [{name: a, port: 1}, {name: a, port: 2}, {name: b, port: 1}]',
    ['spec.ports[1].name: another port is called "a" too', 'spec.ports[2].port: port 1 with protocol TCP stands here twice'],
  ],
  ['a port out of range', 'ports: [{port: 1, targetPort: 65536}]', ['spec.ports[0].targetPort: must be <= 65535, not 65536']],
  [
    'the number of a port as text',
    'ports: [{port: 1, targetPort: "8080"}]',
    [expect.stringMatching(/^spec\.ports\[0\]\.targetPort: "8080" is no port number or name/)],
  ],
  ['a fraction', 'ports: [{port: 1, targetPort: 1.5}]', ['spec.ports[0].targetPort: must be integer,string, not 1.5']],
  ['a misspelt field', 'ports: [{port: 1, targetport: 2}]', ['spec.ports[0].targetport: unknown field; did you mean "targetPort"?']],
  [
    'a selector that selects nothing',
    '{ports: [{port: 1}], selector: {"a b": c}}',
    [expect.stringMatching(/^spec\.selector\.a b: the key is no/)],
  ],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(Service, yaml)).toEqual(problems);
});

it('fills in the defaults', () => {
  const body = { spec: { ports: [{ port: 80 }] } };
  problemsOf(Service, body);
  expect(body.spec).toEqual({ type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }] });
});
