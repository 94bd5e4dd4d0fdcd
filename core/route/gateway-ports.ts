import type { ClientTrafficPolicy } from '../resources/envoy-gateway/client-traffic-policy.ts';
import type { Gateway, Listener } from '../resources/gateway-api/gateway.ts';
import type { Sliced } from '../resources/slices.ts';

import { certificatesOf } from './certificates.ts';
import type { CompileOptions } from './compile.ts';
import type { Hosts } from './hosts.ts';
import type { Policies } from './policies.ts';
import { clientSettings, type ListenerTable, type PortInfo, PortTable } from './ports.ts';
import type { Scope } from './scope.ts';

/** The ports of all Gateways: shared by them, or in a cluster each Gateway's own. */
export function* portsOf(
  gateways: readonly Gateway[],
  hosts: Hosts,
  listenOn: CompileOptions['listenOn'],
  policies: Policies<ClientTrafficPolicy>,
  scope: Scope,
): Sliced<PortTable[]> {
  const byPort = new Map<string, { info: PortInfo; listeners: ListenerTable[] }>();
  for (const gateway of gateways) {
    const { namespace, name: gatewayName } = gateway.metadata;
    // Parameters that are not read could be what its owner relies on.
    if (scope.shared && gateway.body.spec.infrastructure?.parametersRef !== undefined) continue;
    for (const [index, listener] of gateway.body.spec.listeners.entries()) {
      const { port, protocol, hostname = '*' } = listener;
      const path = `spec.listeners[${index}]`;
      const own = listenOn?.(`${namespace}/${gatewayName}`, port);
      const certificates = certificatesOf(gateway, listener, path, scope);
      const name = `${namespace}/${gatewayName}/${listener.name}`;
      const rival = scope.shared ? rivalOf(listener, gateway.body.spec.listeners) : undefined;
      if (rival !== undefined) {
        scope.report(gateway, path, conflict(`${namespace}/${gatewayName}/${rival.name}`, rival, listener), 'Conflicted');
        continue;
      }
      if (scope.shared && (own === undefined || (protocol === 'HTTPS' && certificates.length === 0))) continue;
      const key = scope.shared ? `${namespace}/${gatewayName}/${port}` : String(port);
      let at = byPort.get(key);
      if (at === undefined) byPort.set(key, (at = { info: { key, port, protocol, listenOn: own }, listeners: [] }));
      // In a cluster there is none: a port is its Gateway's own, and the rivals there are left out.
      const other = at.listeners.find((each) => each.hostname === hostname || each.protocol !== protocol);
      if (other !== undefined) {
        scope.report(gateway, path, `${conflict(other.name, other, listener)}; all Gateways of a process share its address`, 'Conflicted');
        continue;
      }
      const client = clientSettings(policies.forGateway(gateway, listener.name));
      const table = yield* hosts.table(name);
      at.listeners.push({ name, gateway: gateway.metadata, protocol, hostname, hosts: table, client, certificates });
    }
  }
  return [...byPort.values()].sort((a, b) => a.info.port - b.info.port).map(({ info, listeners }) => new PortTable(info, listeners));
}

/** Another listener of a Gateway that cannot be told from one: of such none is the winner, and none is served (Gateway API, GatewaySpec.listeners). */
function rivalOf(listener: Listener, all: readonly Listener[]): Listener | undefined {
  const { port, protocol, hostname } = listener;
  return all.find((other) => other !== listener && other.port === port && (other.protocol !== protocol || other.hostname === hostname));
}

function conflict(name: string, other: Pick<Listener, 'protocol'>, { port, protocol }: Listener): string {
  return `listener ${name} has port ${port} and ${other.protocol === protocol ? 'the same hostname' : `protocol ${other.protocol}`}`;
}
