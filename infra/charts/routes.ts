import type { Settings } from '../settings.ts';
import { backend, providerManifests, tierTwoManifests } from './backends.ts';
import { controllerOf } from './controller.ts';
import { certificates, gatewayHost, gatewayManifest, programmed } from './gateways.ts';
import { objectLabels } from './labels.ts';
import { CLIENT_KEYS, providerSecret, TIER_ONE, TIER_TWO, tierField, type TierName } from './names.ts';
import type { LateObject, Manifest, Part, SecretNeed } from './part.ts';
import { chunks, type RouteRule, routeTable } from './route-table.ts';
import { externalSecrets, secretNeed, sourceOf, type WantedSecret } from './secrets.ts';
import { Sheet } from './sheet.ts';

/** The Gateway of tier two; the routes of models are in their own namespaces. */
export function tierTwoGateway(settings: Settings): Part {
  const sheet = new Sheet(settings.namespaces.tierTwo, objectLabels(settings, 'tierkit', TIER_TWO));
  for (const manifest of [...certificates(settings, TIER_TWO), gatewayManifest(settings, TIER_TWO)]) sheet.add(manifest);
  return {
    name: 'tier-two-gateway',
    cluster: 'model',
    needs: [TIER_TWO, controllerOf(settings, TIER_TWO)],
    manifests: sheet.manifests(),
    secrets: certificateNeeds(settings, TIER_TWO),
    late: [],
    awaited: [programmed(settings, TIER_TWO)],
  };
}

/** What tier one serves: its Gateway, who may call it, and where each model is. */
export function tierOneRoutes(settings: Settings): Part {
  const { namespaces, providers, models, tierOne, topology, tierTwo } = settings;
  const namespace = namespaces.tierOne;
  const labels = objectLabels(settings, 'tierkit', TIER_ONE);
  const sheet = new Sheet(namespace, labels);
  const keys = providerKeys(settings, labels);
  const secretOfProvider = new Map(keys.map(({ provider, wanted }) => [provider, wanted.name]));
  const rules = routeTable(models, providers);
  const host = topology === 'one-cluster' ? gatewayHost(settings, TIER_TWO) : tierTwo.address;
  const manifests = [
    ...certificates(settings, TIER_ONE),
    gatewayManifest(settings, TIER_ONE),
    ...(tierOne.clients.length === 0 ? [] : [clientPolicy(namespace)]),
    ...keys.flatMap(({ wanted }) => externalSecrets(wanted)),
    ...providers.flatMap((provider) => providerManifests(provider, namespace, secretOfProvider.get(provider.name))),
    ...(host === undefined ? [] : [backend(TIER_TWO, namespace, host, tierTwo.exposure.port)]),
    ...tierTwoManifests(settings, namespace),
    ...routeManifests(rules, namespace),
  ];
  for (const manifest of manifests) sheet.add(manifest);
  return {
    name: 'tier-one-routes',
    cluster: 'gateway',
    needs: [TIER_ONE, controllerOf(settings, TIER_ONE), ...(host === undefined ? ['tier-two-gateway'] : [])],
    manifests: sheet.manifests(),
    secrets: [...keys.map(({ wanted }) => secretNeed(wanted)), ...clientNeeds(settings, labels), ...certificateNeeds(settings, TIER_ONE)],
    late: host === undefined ? [lateTierTwo(settings)] : [],
    awaited: [programmed(settings, TIER_ONE)],
  };
}

/** Tier two of another cluster, once its Gateway has an address. */
function lateTierTwo({ namespaces, tierTwo }: Settings): LateObject {
  return {
    address: { part: 'tier-two-gateway', cluster: 'model', of: 'Gateway', namespace: namespaces.tierTwo, name: TIER_TWO },
    manifest: (host) => backend(TIER_TWO, namespaces.tierOne, host, tierTwo.exposure.port),
  };
}

interface ProviderKey {
  readonly provider: string;
  readonly wanted: WantedSecret;
}

function providerKeys({ providers, namespaces }: Settings, labels: Readonly<Record<string, string>>): ProviderKey[] {
  return providers.flatMap(({ name: provider, key: reference }, index) => {
    if (reference === undefined) return [];
    const name = reference.from === 'existing' ? reference.secret : providerSecret(provider);
    const path = `providers[${index}].key`;
    return [{ provider, wanted: { namespace: namespaces.tierOne, name, key: 'apiKey', labels, reference, path } }];
  });
}

/** Keys of apps, by the apps' names. */
function clientNeeds({ tierOne, namespaces }: Settings, labels: Readonly<Record<string, string>>): SecretNeed[] {
  if (tierOne.clients.length === 0) return [];
  const values = tierOne.clients.map(({ name, key }, index) => {
    if (key === undefined) return [name, { from: 'generated', name: `client-${name}` }] as const;
    return [name, sourceOf(key, `tierOne.clients[${index}].key`)] as const;
  });
  return [{ namespace: namespaces.tierOne, name: CLIENT_KEYS, labels, values: Object.fromEntries(values) }];
}

/** The certificate that a Gateway shows is made by others. */
function certificateNeeds(settings: Settings, tier: TierName): SecretNeed[] {
  const { exposure } = settings[tierField(tier)];
  if (exposure.tls === undefined) return [];
  return [
    {
      namespace: settings.namespaces[tierField(tier)],
      name: exposure.tls.secret,
      type: 'kubernetes.io/tls',
      labels: {},
      values: { 'tls.crt': { from: 'existing' }, 'tls.key': { from: 'existing' } },
      existing: true,
    },
  ];
}

function clientPolicy(namespace: string): Manifest {
  return keyPolicy('clients', namespace, { kind: 'Gateway', name: TIER_ONE }, CLIENT_KEYS);
}

/** Who may call a Gateway, or a route in place of those who may call its Gateway. @param secret with their keys, by the clients' names */
export function keyPolicy(
  name: string,
  namespace: string,
  target: { readonly kind: 'Gateway' | 'HTTPRoute'; readonly name: string },
  secret: string,
): Manifest {
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'SecurityPolicy',
    metadata: { name, namespace },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', ...target }],
      // What the SDKs of OpenAI and of Anthropic send.
      apiKeyAuth: { credentialRefs: [{ name: secret }], extractFrom: [{ headers: ['Authorization', 'x-api-key'] }] },
    },
  };
}

/** A route has so many rules at most. */
const MOST_RULES = 15;

/** @param name of the first; the others have a number behind it */
export function routeManifests(rules: readonly RouteRule[], namespace: string, name = 'models'): Manifest[] {
  return chunks(rules, MOST_RULES).map((some, index) => ({
    apiVersion: 'aigateway.envoyproxy.io/v1beta1',
    kind: 'AIGatewayRoute',
    metadata: { name: index === 0 ? name : `${name}-${index + 1}`, namespace },
    spec: {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: TIER_ONE }],
      // What limits of tokens go by.
      llmRequestCosts: (['InputToken', 'OutputToken', 'TotalToken'] as const).map((type) => ({
        metadataKey: costKey(type),
        type,
      })),
      rules: some.map(({ names, backends }) => ({
        matches: names.map(modelMatch),
        backendRefs: backends.map((each, priority) => ({ ...each, priority })),
      })),
    },
  }));
}

/** Under which a limit finds the tokens of a request. */
export function costKey(type: 'InputToken' | 'OutputToken' | 'TotalToken'): string {
  return `llm_${type.replace('Token', '').toLowerCase()}_token`;
}

export function modelMatch(name: string): { readonly headers: readonly object[] } {
  return { headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: name }] };
}
