import type { Report } from '#core/resources/kind';

import { isCidr, isWithin } from './cidr.ts';
import { MODEL_RULES } from './rules-models.ts';
import type { SettingsInput } from './schema.ts';
import type { Settings } from './settings.ts';

export interface Checked {
  /** As the user wrote it. */
  readonly input: SettingsInput;
  readonly settings: Settings;
  readonly report: Report;
}

/** Something that no schema can say. */
export interface Rule {
  /** Fields of the settings that it looks at: where one of them does not fit the schema, it is left out. */
  readonly reads: readonly (keyof SettingsInput)[];
  readonly check: (checked: Checked) => void;
}

export const RULES: readonly Rule[] = [
  { reads: ['image'], check: checkImage },
  { reads: ['images'], check: checkImages },
  { reads: ['topology', 'clusters', 'tierTwo'], check: checkTopology },
  { reads: ['namespaces'], check: checkNamespaces },
  { reads: ['size', 'tierOne'], check: checkClients },
  { reads: ['tierOne', 'tierTwo', 'observability'], check: checkTiers },
  { reads: ['tierOne', 'redis'], check: checkRedis },
  { reads: ['observability'], check: checkObservability },
  { reads: ['networkPolicies'], check: checkNetworkPolicies },
  { reads: ['crds'], check: checkCrds },
  ...MODEL_RULES,
];

function checkImage({ input: { image }, report }: Checked): void {
  if (image.tag === undefined && image.digest === undefined)
    report('image', 'one of tag and digest is required: which image runs must not change by itself');
  if (image.tag === 'latest' && image.digest === undefined)
    report('image.tag', 'latest is another image every week, and no way back leads from it; name a version, or a digest');
}

function checkImages({ input: { images = {} }, report }: Checked): void {
  for (const [name, reference] of Object.entries(images)) {
    const [, tag] = /(?::([^:/@]+))?(?:@.+)?$/.exec(reference) ?? [];
    if (reference.includes('@')) continue;
    if (tag === undefined || tag === 'latest')
      report(`images.${name}`, `${reference} names no version; put one behind it, such as :1.2.3, or a digest`);
  }
}

function checkTopology({ input, settings, report }: Checked): void {
  const { topology, clusters, tierTwo } = settings;
  if (topology === 'one-cluster') {
    if (input.clusters?.model !== undefined)
      report('clusters.model', 'is for topology two-clusters; in one-cluster both tiers are in clusters.gateway');
    if (tierTwo.address !== undefined)
      report('tierTwo.address', 'is for topology two-clusters; in one-cluster tier one reaches it by its Service');
    return;
  }
  const { gateway, model } = clusters;
  if (gateway.kubeconfig === model.kubeconfig && gateway.context === model.context)
    report('clusters.model', 'has to be another cluster than clusters.gateway: name its context, or its kubeconfig');
  if (tierTwo.exposure.type !== 'LoadBalancer' && tierTwo.address === undefined)
    report(
      'tierTwo.address',
      `is required, as tierTwo.exposure.type is ${tierTwo.exposure.type}: tier one in another cluster cannot find out where tier two is`,
    );
}

function checkNamespaces({ settings: { namespaces }, report }: Checked): void {
  const seen = new Map<string, string>();
  for (const [part, namespace] of Object.entries(namespaces)) {
    const other = seen.get(namespace);
    if (other === undefined) seen.set(namespace, part);
    else
      report(
        `namespaces.${part}`,
        `${namespace} is also namespaces.${other}; each part needs one of its own, as policies tell them apart by it`,
      );
  }
}

function checkClients({ input, settings: { size, tierOne }, report }: Checked): void {
  const open = input.tierOne?.open;
  if (open === true && tierOne.clients.length > 0)
    report('tierOne.open', 'cannot stand beside tierOne.clients: either everyone may call it, or these');
  if (tierOne.clients.length === 0 && open !== true && (size !== 'dev' || open === false))
    report(
      'tierOne.clients',
      `is required in size ${size}: name the apps that may call it, such as [{name: app}], or say tierOne.open: true`,
    );
  const names = new Map<string, number>();
  for (const [index, { name }] of tierOne.clients.entries()) {
    if (names.has(name)) report(`tierOne.clients[${index}].name`, `${name} is also tierOne.clients[${names.get(name)}]`);
    else names.set(name, index);
  }
}

function checkTiers({ input, settings, report }: Checked): void {
  for (const tier of ['tierOne', 'tierTwo'] as const) {
    const { replicas } = input[tier] ?? {};
    const { autoscaling } = settings[tier];
    const given = input[tier]?.autoscaling;
    if (autoscaling.by === 'none') {
      if (given !== undefined && given.by === undefined) report(`${tier}.autoscaling.by`, 'is required, to scale: hpa or keda');
      continue;
    }
    if (replicas !== undefined)
      report(`${tier}.replicas`, `cannot stand beside autoscaling by ${autoscaling.by}, which decides it; use autoscaling.min and max`);
    if (autoscaling.min > autoscaling.max)
      report(`${tier}.autoscaling.min`, `${autoscaling.min} is more than max, which is ${autoscaling.max}`);
    if (autoscaling.by === 'keda' && given?.inFlight?.metric !== undefined)
      report(`${tier}.autoscaling.inFlight.metric`, 'is for hpa; KEDA asks Prometheus for requests under way by itself');
    if (autoscaling.by === 'keda' && autoscaling.inFlight?.prometheus === '')
      report(`${tier}.autoscaling.inFlight`, 'needs a Prometheus to ask: observability.prometheus is off');
  }
  const { tls } = settings.tierOne.exposure;
  if (tls?.caConfigMap !== undefined)
    report('tierOne.exposure.tls.caConfigMap', 'is for tier two: tier one verifies its certificate with it');
}

function checkRedis({ input, settings: { redis, tierOne }, report }: Checked): void {
  const { url, resources, storage } = input.redis ?? {};
  if (redis.mode === 'none' && tierOne.limits.mode === 'leases')
    report('tierOne.limits.mode', 'leases needs Redis, where they are kept: redis.mode is none');
  if (redis.mode === 'external' && url === undefined)
    report('redis.url', 'is required with mode external: where the Secret with the URL comes from');
  if (redis.mode !== 'external' && url !== undefined) report('redis.url', `is for mode external, not for ${redis.mode}`);
  if (redis.mode !== 'in-cluster') {
    if (resources !== undefined) report('redis.resources', `is for mode in-cluster, not for ${redis.mode}`);
    if (storage !== undefined) report('redis.storage', `is for mode in-cluster, not for ${redis.mode}`);
  }
}

function checkObservability({ input, settings: { observability }, report }: Checked): void {
  for (const name of ['prometheus', 'jaeger', 'phoenix'] as const) {
    const { mode } = observability[name];
    const given = input.observability?.[name] ?? {};
    if (mode === 'external' && given.endpoint === undefined) report(`observability.${name}.endpoint`, 'is required with mode external');
    if (mode !== 'external' && given.endpoint !== undefined)
      report(`observability.${name}.endpoint`, `is for mode external, not for ${mode}`);
    for (const field of ['resources', 'storage'] as const)
      if (mode !== 'in-cluster' && given[field] !== undefined)
        report(`observability.${name}.${field}`, `is for mode in-cluster, not for ${mode}`);
  }
  const { traces } = observability;
  if (traces !== 'none' && observability[traces].mode === 'off')
    report('observability.traces', `${traces} is off: switch observability.${traces}.mode on, or say none`);
  if (observability.contents && traces === 'none') report('observability.contents', 'says what is in traces, and there are none');
}

function checkNetworkPolicies({ settings: { networkPolicies }, report }: Checked): void {
  const { clients, tierOne, apiServer, providers } = networkPolicies;
  const lists = {
    clients,
    tierOne,
    'apiServer.cidrs': apiServer.cidrs,
    'providers.cidrs': providers.cidrs,
    'providers.except': providers.except,
  };
  for (const [path, cidrs] of Object.entries(lists))
    for (const [index, cidr] of cidrs.entries())
      if (!isCidr(cidr)) report(`networkPolicies.${path}[${index}]`, `${cidr} has numbers that no address has`);
  for (const [index, cidr] of providers.except.entries())
    if (!providers.cidrs.some((block) => isWithin(cidr, block)))
      report(`networkPolicies.providers.except[${index}]`, `${cidr} is in none of providers.cidrs: there is nothing to except it from`);
}

function checkCrds({ settings: { crds }, report }: Checked): void {
  for (const [index, where] of crds.entries()) {
    if (where.startsWith('http://')) report(`crds[${index}]`, 'CRDs decide what a cluster accepts: fetch them by https');
    if (where === 'none') report(`crds[${index}]`, 'is no path or URL; leave crds out, or empty, where they are installed already');
  }
}
