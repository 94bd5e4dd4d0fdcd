import { durationMs } from '#core/resources/schema';

import { fillModel, fillProvider, secretOf } from './fill-models.ts';
import { DEFAULT_INSTANCE, EVERYWHERE, IMAGES, NOT_PUBLIC, type Preset, PRESETS } from './presets.ts';
import type { ObserverInput, SettingsInput } from './schema.ts';
import type {
  Autoscaling,
  Cluster,
  Exposure,
  Namespaces,
  NetworkPolicies,
  Observability,
  Observer,
  Redis,
  Settings,
  Tier,
} from './settings.ts';

type Part<Name extends keyof SettingsInput> = NonNullable<SettingsInput[Name]>;
type TierInput = Part<'tierTwo'>;

/** Puts the defaults in. @param input fits the schema; whether it makes sense is checked of the result */
export function fill(input: SettingsInput): Settings {
  const size = input.size ?? 'dev';
  const preset = PRESETS[size];
  const topology = input.topology ?? 'one-cluster';
  const namespaces = namespacesOf(input.namespaces);
  const observability = observabilityOf(input.observability, preset);
  const prometheus = prometheusUrl(observability, namespaces);
  const tier = (given: TierInput | undefined, exposure: Exposure): Tier => tierOf(given, preset, exposure, prometheus);
  const { clients = [], limits = {}, ...one } = input.tierOne ?? {};
  const two = input.tierTwo ?? {};
  return {
    size,
    topology,
    instance: input.instance ?? DEFAULT_INSTANCE,
    clusters: clustersOf(input.clusters),
    image: { pullPolicy: 'IfNotPresent', ...input.image, pullSecrets: input.image.pullSecrets ?? [] },
    images: { ...IMAGES, ...input.images },
    namespaces,
    tierOne: {
      ...tier(one, exposureOf(one.exposure, 'LoadBalancer', one.exposure?.tls === undefined ? 80 : 443)),
      clients: clients.map(({ name, key }) => ({ name, ...(key === undefined ? {} : { key: secretOf(key) }) })),
      limits: { mode: 'exact', failure: 'open', ...limits },
      readsSecrets: one.readsSecrets ?? [],
    },
    tierTwo: {
      // In one cluster nobody outside has to reach it.
      ...tier(two, exposureOf(two.exposure, topology === 'one-cluster' ? 'ClusterIP' : 'LoadBalancer', 1976)),
      audience: two.audience ?? 'models',
      open: two.open ?? false,
      ...(two.address === undefined ? {} : { address: two.address }),
      readsSecrets: two.readsSecrets ?? [],
    },
    controller: {
      replicas: input.controller?.replicas ?? preset.controllers,
      resources: { ...preset.resources.controller, ...input.controller?.resources },
    },
    providers: (input.providers ?? []).map(fillProvider),
    models: (input.models ?? []).map((model) => fillModel(model, preset.modelReplicas)),
    redis: redisOf(input.redis, preset),
    observability,
    networkPolicies: networkPoliciesOf(input.networkPolicies, preset),
    objectives: input.objectives ?? false,
    ...(input.priorityClass === undefined ? {} : { priorityClass: input.priorityClass }),
    ...(input.storageClass === undefined ? {} : { storageClass: input.storageClass }),
    crds: input.crds ?? [],
  };
}

function namespacesOf(given: SettingsInput['namespaces']): Namespaces {
  return {
    tierOne: 'tierkit-tier-one',
    tierTwo: 'tierkit-tier-two',
    controller: 'tierkit-controller',
    redis: 'tierkit-redis',
    observability: 'tierkit-observability',
    ...given,
  };
}

function clustersOf(given: SettingsInput['clusters']): Settings['clusters'] {
  const gateway: Cluster = given?.gateway ?? {};
  return { gateway, model: given?.model ?? gateway };
}

function tierOf(given: TierInput | undefined, preset: Preset, exposure: Exposure, prometheus: string | undefined): Tier {
  return {
    replicas: given?.replicas ?? preset.replicas,
    resources: { ...preset.resources.tier, ...given?.resources },
    autoscaling: autoscalingOf(given, preset, prometheus),
    drainSeconds: given?.drain === undefined ? preset.drain : Math.ceil(durationMs(given.drain) / 1000),
    accessLog: given?.accessLog ?? true,
    exposure,
  };
}

function autoscalingOf(given: TierInput | undefined, preset: Preset, prometheus: string | undefined): Autoscaling {
  const wanted = given?.autoscaling ?? {};
  // Who names a number of replicas wants that number.
  const by = wanted.by ?? (given?.replicas === undefined ? preset.autoscaling.by : 'none');
  if (by === 'none') return { by };
  const presetScale = preset.autoscaling.by === 'none' ? { min: 2, max: 10, cpuPercent: 60 } : preset.autoscaling;
  const min = wanted.min ?? presetScale.min;
  const scale = { min, max: wanted.max ?? Math.max(min, presetScale.max), cpuPercent: wanted.cpuPercent ?? presetScale.cpuPercent };
  const inFlight = wanted.inFlight;
  if (inFlight === undefined) return { by, ...scale };
  if (by === 'hpa') return { by, ...scale, inFlight: { metric: inFlight.metric ?? 'tierkit_requests_in_flight', target: inFlight.target } };
  return { by, ...scale, inFlight: { prometheus: prometheus ?? '', target: inFlight.target } };
}

function exposureOf(given: TierInput['exposure'], type: Exposure['type'], port: number): Exposure {
  const { tls, ...rest } = given ?? {};
  const base = { type, port, ...rest, annotations: rest.annotations ?? {} };
  if (tls === undefined) return base;
  const { hostname, secret = 'gateway-tls', issuer, caConfigMap } = tls;
  return {
    ...base,
    tls: {
      hostname,
      secret,
      ...(issuer === undefined ? {} : { issuer: { kind: issuer.kind ?? 'ClusterIssuer', name: issuer.name } }),
      ...(caConfigMap === undefined ? {} : { caConfigMap }),
    },
  };
}

function redisOf(given: SettingsInput['redis'], preset: Preset): Redis {
  const mode = given?.mode ?? (given?.url === undefined ? preset.redis : 'external');
  if (mode === 'none') return { mode };
  if (mode === 'external') return { mode, url: secretOf(given?.url ?? {}) };
  return { mode, resources: { ...preset.resources.redis, ...given?.resources }, storage: given?.storage ?? '2Gi' };
}

function observabilityOf(given: SettingsInput['observability'], preset: Preset): Observability {
  const wanted = preset.observability;
  const prometheus = observerOf(given?.prometheus, wanted.prometheus, preset);
  const jaeger = observerOf(given?.jaeger, wanted.jaeger, preset);
  const phoenix = observerOf(given?.phoenix, wanted.phoenix, preset);
  const isOn = { jaeger: jaeger.mode !== 'off', phoenix: phoenix.mode !== 'off' };
  // Ours hands on to Phoenix, one of others may not.
  const first = isOn.jaeger && (jaeger.mode === 'in-cluster' || !isOn.phoenix) ? 'jaeger' : isOn.phoenix ? 'phoenix' : 'none';
  return {
    prometheus: { ...prometheus, retention: given?.prometheus?.retention ?? '15d' },
    jaeger,
    phoenix,
    traces: given?.traces ?? first,
    contents: given?.contents ?? false,
    outsideAnnotations: given?.outsideAnnotations ?? {},
    dashboards: given?.dashboards ?? wanted.dashboards,
    alerts: given?.alerts ?? wanted.alerts,
    ...(given?.runbooks === undefined ? {} : { runbooks: given.runbooks }),
    operator: given?.operator?.enabled === true ? { labels: given.operator.labels ?? {} } : false,
  };
}

function observerOf(given: ObserverInput | undefined, wanted: boolean, preset: Preset): Observer {
  const mode = given?.mode ?? (given?.endpoint === undefined ? (wanted ? 'in-cluster' : 'off') : 'external');
  if (mode === 'off') return { mode };
  if (mode === 'external') return { mode, endpoint: (given?.endpoint ?? '').replace(/\/+$/, '') };
  const storage = given?.storage ?? preset.storage;
  return { mode, resources: { ...preset.resources.observer, ...given?.resources }, ...(storage === undefined ? {} : { storage }) };
}

/** Where the Prometheus of the gateways' cluster is asked; undefined without one. */
export function prometheusUrl({ prometheus }: Observability, { observability }: Namespaces): string | undefined {
  if (prometheus.mode === 'off') return undefined;
  return prometheus.mode === 'external' ? prometheus.endpoint : `http://prometheus.${observability}.svc:9090`;
}

function networkPoliciesOf(given: SettingsInput['networkPolicies'], preset: Preset): NetworkPolicies {
  const { apiServer, providers } = given ?? {};
  return {
    enabled: given?.enabled ?? preset.networkPolicies,
    clients: given?.clients ?? [...EVERYWHERE],
    tierOne: given?.tierOne ?? [...EVERYWHERE],
    // As a Service it is on 443, behind that mostly on 6443; policies may see either.
    apiServer: { cidrs: apiServer?.cidrs ?? ['0.0.0.0/0'], ports: apiServer?.ports ?? [443, 6443] },
    providers: {
      cidrs: providers?.cidrs ?? ['0.0.0.0/0'],
      except: providers?.except ?? (providers?.cidrs === undefined ? [...NOT_PUBLIC] : []),
    },
    monitoring: given?.monitoring ?? [],
  };
}
