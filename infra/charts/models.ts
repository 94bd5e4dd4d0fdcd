import type { Model, Settings } from '../settings.ts';
import { addEpp, EPP_ADMIN_PORT, eppLabels, eppName, PICKER_PORT } from './epp.ts';
import { cacheManifests, decodePods, llmInferenceService, SCHEDULER_LABELS, waysBetween, workerPods } from './kserve.ts';
import { MODELS_LABEL, objectLabels } from './labels.ts';
import { addModelServer, modelLabels } from './model-server.ts';
import { MODEL_PORT, TIER_TWO } from './names.ts';
import { addDefaultDeny, addPolicy, DNS, type Peer, type Way } from './network.ts';
import { addNamespace } from './objects.ts';
import type { Manifest, Part, SecretNeed } from './part.ts';
import { modelMatch } from './routes.ts';
import { Sheet } from './sheet.ts';
import { apiServer, scrapers } from './tier.ts';
import { listVersions, releaseRoute, versionsOf } from './versions.ts';

/** A part for each namespace that has models. */
export function modelParts(settings: Settings): Part[] {
  const namespaces = [...new Set(settings.models.map(({ namespace }) => namespace))].sort();
  return namespaces.map((namespace) =>
    modelPart(
      settings,
      namespace,
      settings.models.filter((model) => model.namespace === namespace),
    ),
  );
}

function modelPart(settings: Settings, namespace: string, models: readonly Model[]): Part {
  const sheet = new Sheet(namespace, objectLabels(settings, 'tierkit', 'models'));
  addNamespace(sheet, { [MODELS_LABEL]: 'true' });
  if (settings.networkPolicies.enabled) addDefaultDeny(sheet);
  for (const model of models) addModel(sheet, settings, model);
  const token = (name: string): SecretNeed => ({ namespace, name, labels: {}, values: { token: { from: 'existing' } }, existing: true });
  const tokens = new Set(models.flatMap(({ tokenSecret }) => (tokenSecret === undefined ? [] : [tokenSecret])));
  return {
    name: `models-${namespace}`,
    cluster: 'model',
    needs: ['tier-two-gateway'],
    manifests: sheet.manifests(),
    secrets: [...tokens].map(token),
    late: [],
    awaited: models
      .filter(({ runtime }) => runtime === 'kserve')
      .flatMap(listVersions)
      .map(({ name }) => ({ kind: 'LLMInferenceService', namespace, name, condition: 'Ready' })),
  };
}

function addModel(sheet: Sheet, settings: Settings, model: Model): void {
  const { current, next } = versionsOf(model);
  addVersion(sheet, settings, current);
  sheet.add(modelRoute(settings, model, poolName(current)));
  for (const cache of cacheManifests(model)) sheet.add(cache);
  if (next === undefined) return;
  addVersion(sheet, settings, next);
  sheet.add(releaseRoute(settings, model, { current: poolName(current), next: poolName(next) }));
}

/** @param model whose name is that of the version */
function addVersion(sheet: Sheet, settings: Settings, model: Model): void {
  if (model.runtime === 'kserve') sheet.add(llmInferenceService(model));
  else addModelServer(sheet, settings, model);
  if (!isPoolTheirs(model)) {
    sheet.add(inferencePool(settings, model));
    if (model.picker === 'epp') addEpp(sheet, settings, model);
  }
  if (settings.networkPolicies.enabled) addPolicies(sheet, settings, model);
}

/** KServe makes the pool of its own picker. */
function isPoolTheirs({ runtime, picker }: Model): boolean {
  return runtime === 'kserve' && picker === 'epp';
}

function poolName(model: Model): string {
  return isPoolTheirs(model) ? `${model.name}-inference-pool` : model.name;
}

function inferencePool(settings: Settings, model: Model): Manifest {
  return {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: model.name, namespace: model.namespace },
    spec: {
      selector: { matchLabels: modelLabels(settings, model) },
      targetPorts: [{ number: MODEL_PORT }],
      // Without the reference it is tier two itself that picks. While the picker is away it does so as well.
      ...(model.picker === 'epp'
        ? { endpointPickerRef: { name: eppName(model), port: { number: PICKER_PORT }, failureMode: 'FailOpen' } }
        : {}),
    },
  };
}

function modelRoute({ namespaces }: Settings, { name, namespace, model, loras }: Model, pool: string): Manifest {
  return {
    apiVersion: 'aigateway.envoyproxy.io/v1beta1',
    kind: 'AIGatewayRoute',
    metadata: { name, namespace },
    spec: {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: TIER_TWO, namespace: namespaces.tierTwo }],
      rules: [
        {
          matches: [model, ...loras].map(modelMatch),
          backendRefs: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: pool }],
        },
      ],
    },
  };
}

function addPolicies(sheet: Sheet, settings: Settings, model: Model): void {
  const { namespaces, networkPolicies } = settings;
  const { name, namespace, runtime } = model;
  const servers = modelLabels(settings, model);
  const tier: Peer = { namespace: namespaces.tierTwo, labels: { 'app.kubernetes.io/component': TIER_TWO } };
  const picker = pickerOf(settings, model);
  const weights: Way = {
    peers: networkPolicies.providers.cidrs.map((cidr) => ({ cidr, except: networkPolicies.providers.except })),
    ports: [443],
  };
  const between = waysBetween(model);
  addPolicy(sheet, name, servers, {
    from: [
      ...between,
      {
        peers: [tier, ...(picker === undefined ? [] : [{ namespace, labels: picker.labels }]), ...scrapers(settings)],
        ports: [MODEL_PORT],
      },
    ],
    to: runtime === 'simulator' ? [] : [DNS, weights, ...between],
  });
  for (const workers of workerPods(model))
    addPolicy(sheet, workers.name, workers.labels, { from: between, to: [DNS, weights, ...between] });
  for (const decode of decodePods(model)) addPolicy(sheet, decode.name, decode.labels, { to: [apiServer(settings)] });
  if (picker === undefined) return;
  addPolicy(sheet, `${name}-epp`, picker.labels, {
    from: [
      { peers: [tier], ports: [PICKER_PORT] },
      { peers: scrapers(settings), ports: [picker.metrics] },
    ],
    to: [DNS, { peers: [{ namespace, labels: servers }], ports: [MODEL_PORT] }, ...picker.to],
  });
}

interface PickerPods {
  readonly labels: Readonly<Record<string, string>>;
  readonly metrics: number;
  readonly to: readonly Way[];
}

function pickerOf(settings: Settings, model: Model): PickerPods | undefined {
  if (model.picker !== 'epp') return undefined;
  if (model.runtime !== 'kserve') return { labels: eppLabels(settings, model), metrics: EPP_ADMIN_PORT, to: [] };
  // That of llm-d finds its pods by the API.
  return { labels: { 'app.kubernetes.io/name': model.name, ...SCHEDULER_LABELS }, metrics: 9090, to: [apiServer(settings)] };
}
