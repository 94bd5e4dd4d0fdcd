import * as pulumi from '@pulumi/pulumi';

import { inUrl } from '#core/http/origin';

import { gatewayHost } from '../charts/gateways.ts';
import { TIER_ONE } from '../charts/names.ts';
import type { AddressOf, Part } from '../charts/part.ts';
import type { Exposure, Settings } from '../settings.ts';
import { type Generated, namesNeeded } from './generated.ts';
import { kubectlOf } from './kubectl.ts';

/** What a stack tells. Stacks of others may read it: a name here is an API. */
export interface PlatformOutputs {
  /** Base URL for apps: that of the OpenAI API. Where it is one of this machine, `forward.tierOne` brings it there. */
  readonly url: pulumi.Output<string>;
  /** A request to paste; undefined where there is no model. */
  readonly curl: pulumi.Output<string> | undefined;
  /** Keys that were generated for apps, by the app: `pulumi stack output clientKeys --show-secrets`. */
  readonly clientKeys: pulumi.Output<Readonly<Record<string, string>>>;
  /** The apps that they are of. */
  readonly clientNames: readonly string[];
  /** Commands that bring what is not exposed to this machine. */
  readonly forward: Readonly<Record<string, string>>;
  /** Where it is then. */
  readonly local: Readonly<Record<string, string>>;
  /** Namespaces of the platform, without those of models. */
  readonly namespaces: Settings['namespaces'];
}

/** Ports of this machine that parts are brought to. */
const LOCAL_PORTS = { tierOne: 1975, prometheus: 9090, jaeger: 16_686, phoenix: 6006 } as const;
const OBSERVERS = ['prometheus', 'jaeger', 'phoenix'] as const;
/** What names of generated keys of apps begin with. */
const CLIENT = 'client-';

/** @param find the address of an object, once it has one */
export function outputsOf(
  settings: Settings,
  parts: readonly Part[],
  generated: Generated,
  find: (address: AddressOf) => pulumi.Output<string>,
): PlatformOutputs {
  const { clusters, namespaces, observability, tierOne } = settings;
  const { exposure } = tierOne;
  const inCluster = OBSERVERS.filter((name) => observability[name].mode === 'in-cluster');
  const forward = (namespace: string, service: string, ports: string) =>
    `${kubectlOf(clusters.gateway)} -n ${namespace} port-forward service/${service} ${ports}`;
  const gateway = tierOneGateway(parts);
  const address = gateway === undefined || !isPublic(exposure) ? undefined : find(gateway);
  const clientKeys = clientKeysOf(parts, generated);
  const url = address === undefined ? pulumi.output(`${localUrl('tierOne')}/v1`) : address.apply((host) => publicUrl(host, exposure));
  return {
    url,
    curl: curlOf(settings, url),
    clientKeys: pulumi.secret(clientKeys),
    clientNames: Object.keys(clientKeys),
    forward: {
      ...(isPublic(exposure)
        ? {}
        : {
            tierOne: forward(namespaces.tierOne, gatewayHost(settings, TIER_ONE).split('.')[0]!, `${LOCAL_PORTS.tierOne}:${exposure.port}`),
          }),
      ...Object.fromEntries(inCluster.map((name) => [name, forward(namespaces.observability, name, String(LOCAL_PORTS[name]))])),
    },
    local: Object.fromEntries(inCluster.map((name) => [name, localUrl(name)])),
    namespaces,
  };
}

/** Whoever may reach nodes need not reach pods: a ClusterIP is of the cluster alone. */
function isPublic({ type }: Exposure): boolean {
  return type === 'LoadBalancer';
}

function publicUrl(address: string, { port, tls }: Exposure): string {
  const host = tls?.hostname ?? inUrl(address);
  const [scheme, own] = tls === undefined ? ['http', 80] : ['https', 443];
  return `${scheme}://${host}${port === own ? '' : `:${port}`}/v1`;
}

function localUrl(name: keyof typeof LOCAL_PORTS): string {
  return `http://127.0.0.1:${LOCAL_PORTS[name]}`;
}

function tierOneGateway(parts: readonly Part[]): AddressOf | undefined {
  for (const { name: part, cluster, awaited } of parts) {
    const found = awaited.find(({ kind, name }) => kind === 'Gateway' && name === TIER_ONE);
    if (found !== undefined) return { part, cluster, of: 'Gateway', namespace: found.namespace, name: found.name };
  }
  return undefined;
}

function clientKeysOf(parts: readonly Part[], { texts }: Generated): Record<string, string> {
  const names = [...namesNeeded(parts).texts].filter((name) => name.startsWith(CLIENT));
  return Object.fromEntries(names.map((name) => [name.slice(CLIENT.length), texts[name] ?? '']));
}

function curlOf({ models, providers, tierOne }: Settings, url: pulumi.Output<string>): pulumi.Output<string> | undefined {
  const model = models[0]?.routes[0] ?? providers[0]?.models[0]?.as;
  if (model === undefined) return undefined;
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] }).replaceAll("'", String.raw`'\''`);
  const key = tierOne.clients.length === 0 ? '' : ' -H "authorization: Bearer $KEY"';
  return pulumi.interpolate`curl -s ${url}/chat/completions -H 'content-type: application/json'${key} -d '${body}'`;
}
