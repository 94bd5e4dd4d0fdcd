import { isIP } from 'node:net';

import type { Provider, Settings } from '../settings.ts';
import { TIER_TWO } from './names.ts';
import type { Manifest } from './part.ts';

/** What a kind of provider calls the credential in a BackendSecurityPolicy, whose Secret has it under `apiKey` in any case. */
const CREDENTIALS = {
  OpenAI: { type: 'APIKey', field: 'apiKey' },
  Cohere: { type: 'APIKey', field: 'apiKey' },
  Anthropic: { type: 'AnthropicAPIKey', field: 'anthropicAPIKey' },
  AzureOpenAI: { type: 'AzureAPIKey', field: 'azureAPIKey' },
} as const;

/** Version of an API that has none without. */
const VERSIONS: Readonly<Record<string, string>> = { Cohere: 'v2' };

/** Where something listens. @param host an IP address or a host name */
export function backend(name: string, namespace: string, host: string, port: number): Manifest {
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'Backend',
    metadata: { name, namespace },
    spec: { endpoints: [isIP(host) === 0 ? { fqdn: { hostname: host, port } } : { ip: { address: host, port } }] },
  };
}

/** How a provider is reached: its address, TLS, API and credential. @param secret that has its key */
export function providerManifests(provider: Provider, namespace: string, secret: string | undefined): Manifest[] {
  const { name, api, hostname, port, tls, prefix } = provider;
  const version = provider.version ?? VERSIONS[api];
  return [
    backend(name, namespace, hostname, port),
    ...(tls ? [backendTls(name, namespace, hostname, undefined)] : []),
    serviceBackend(name, namespace, {
      name: api,
      ...(version === undefined ? {} : { version }),
      ...(prefix === undefined ? {} : { prefix }),
    }),
    ...(secret === undefined ? [] : [securityPolicy(provider, namespace, secret)]),
  ];
}

/** How tier two is reached, but for its address. */
export function tierTwoManifests({ tierTwo }: Settings, namespace: string): Manifest[] {
  const { tls } = tierTwo.exposure;
  return [
    ...(tls === undefined ? [] : [backendTls(TIER_TWO, namespace, tls.hostname, tls.caConfigMap)]),
    serviceBackend(TIER_TWO, namespace, { name: 'OpenAI' }, { 'tierkit.dev/tier-two': tierTwo.audience }),
  ];
}

function serviceBackend(name: string, namespace: string, schema: object, annotations?: Record<string, string>): Manifest {
  return {
    apiVersion: 'aigateway.envoyproxy.io/v1beta1',
    kind: 'AIServiceBackend',
    metadata: { name, namespace, ...(annotations === undefined ? {} : { annotations }) },
    spec: { schema, backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name } },
  };
}

function backendTls(name: string, namespace: string, hostname: string, caConfigMap: string | undefined): Manifest {
  const trusted =
    caConfigMap === undefined
      ? { wellKnownCACertificates: 'System' }
      : { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: caConfigMap }] };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name, namespace },
    spec: { targetRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name }], validation: { hostname, ...trusted } },
  };
}

function securityPolicy({ name, api }: Provider, namespace: string, secret: string): Manifest {
  const { type, field } = CREDENTIALS[api];
  return {
    apiVersion: 'aigateway.envoyproxy.io/v1beta1',
    kind: 'BackendSecurityPolicy',
    metadata: { name, namespace },
    spec: {
      targetRefs: [{ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name }],
      type,
      [field]: { secretRef: { name: secret } },
    },
  };
}
