import { gatewayServices } from '#core/controller/gateway-services';
import { ClusterLoader, type ClusterObject } from '#core/resources/cluster-load';
import { Gateway } from '#core/resources/gateway-api/gateway';

import type { Exposure, Settings } from '../settings.ts';
import { MODELS_LABEL } from './labels.ts';
import { controllerName, gatewayClassName, GATEWAY_PORTS, TIER_ONE, tierField, type TierName } from './names.ts';
import type { Awaited, Manifest } from './part.ts';

/** The Gateway of a tier, called as the tier is, in the namespace of its pods. */
export function gatewayManifest(settings: Settings, tier: TierName): Manifest {
  const { exposure, namespace } = placeOf(settings, tier);
  const { tls, port, annotations } = exposure;
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: tier, namespace },
    spec: {
      gatewayClassName: gatewayClassName(settings, tier),
      ...(Object.keys(annotations).length === 0 ? {} : { infrastructure: { annotations } }),
      listeners: [
        {
          name: tls === undefined ? 'http' : 'https',
          port,
          protocol: tls === undefined ? 'HTTP' : 'HTTPS',
          ...(tls === undefined ? {} : { tls: { mode: 'Terminate', certificateRefs: [{ name: tls.secret }] } }),
          allowedRoutes: {
            namespaces: tier === TIER_ONE ? { from: 'Same' } : { from: 'Selector', selector: { matchLabels: { [MODELS_LABEL]: 'true' } } },
          },
        },
      ],
    },
  };
}

/** Certificate of cert-manager, where the settings name an issuer. */
export function certificates(settings: Settings, tier: TierName): Manifest[] {
  const { exposure, namespace } = placeOf(settings, tier);
  const { tls } = exposure;
  if (tls?.issuer === undefined) return [];
  return [
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Certificate',
      metadata: { name: tier, namespace },
      spec: {
        secretName: tls.secret,
        dnsNames: [tls.hostname],
        issuerRef: { group: 'cert-manager.io', ...tls.issuer },
        privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
      },
    },
  ];
}

/** It has its Service, and that an address. */
export function programmed(settings: Settings, tier: TierName): Awaited {
  return { kind: 'Gateway', namespace: placeOf(settings, tier).namespace, name: tier, condition: 'Programmed' };
}

/** Host name, within the cluster, of the Service that the controller makes for a tier's Gateway. */
export function gatewayHost(settings: Settings, tier: TierName): string {
  const { namespace } = placeOf(settings, tier);
  const gatewayClass = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: gatewayClassName(settings, tier) },
    spec: { controllerName: controllerName(settings, tier) },
  };
  const objects = [gatewayClass, gatewayManifest(settings, tier)] as readonly object[] as readonly ClusterObject[];
  const { set } = new ClusterLoader(controllerName(settings, tier)).load(objects, '1');
  const [service] = gatewayServices([...set.all(Gateway)], [], {
    controllerName: controllerName(settings, tier),
    namespace,
    selector: {},
    type: 'ClusterIP',
    firstPort: GATEWAY_PORTS.from,
  });
  if (service === undefined) throw new Error(`the Gateway of ${tier} is not one that the controller takes`);
  return `${service.metadata.name}.${namespace}.svc.cluster.local`;
}

function placeOf(settings: Settings, tier: TierName): { readonly exposure: Exposure; readonly namespace: string } {
  const field = tierField(tier);
  return { exposure: settings[field].exposure, namespace: settings.namespaces[field] };
}
