import { expect, it } from 'vitest';

import { newShared } from './compile.ts';
import { routesOf } from './route.fixture.ts';

const gateway = (...listeners: string[]) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: tierkit
  listeners: [${listeners.map((listener, index) => `{name: l${index}, ${listener.includes('port:') ? '' : 'port: 80, '}${listener}}`).join(', ')}]
`;

function inCluster(...listeners: string[]) {
  const { compiled, problems } = routesOf(gateway(...listeners), newShared(), { inCluster: true, listenOn: () => 10_000 });
  const served = compiled.ports.flatMap((port) => port.listeners.map(({ name }) => name)).sort();
  return { served, problems, reasons: compiled.problems.map(({ reason }) => reason) };
}

// The CRD refuses two of one port, protocol and hostname.
it('of listeners in a cluster with one port and two protocols none is served, and each is told', () => {
  expect(
    inCluster(
      'protocol: HTTP, hostname: a.example.com',
      'protocol: HTTPS, hostname: b.example.com, tls: {certificateRefs: [{name: none}]}',
      'protocol: HTTP, port: 81',
    ),
  ).toEqual({
    served: ['default/g/l2'],
    problems: [
      'Gateway default/g: spec.listeners[0]: listener default/g/l1 has port 80 and protocol HTTPS',
      'Gateway default/g: spec.listeners[1].tls.certificateRefs[0].name: there is no Secret default/none',
      'Gateway default/g: spec.listeners[1]: listener default/g/l0 has port 80 and protocol HTTP',
    ],
    reasons: ['Conflicted', 'InvalidCertificateRef', 'Conflicted'],
  });
});

it('listeners of other hosts are served beside each other', () => {
  expect(inCluster('protocol: HTTP', 'protocol: HTTP, hostname: a.example.com')).toMatchObject({
    served: ['default/g/l0', 'default/g/l1'],
    problems: [],
  });
});
