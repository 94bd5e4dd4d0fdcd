import { POOLS } from '../../observability/alerts/pools.ts';
import { prometheusRule } from '../../observability/prometheus/operator/rule.ts';
import { objectLabels } from '../charts/labels.ts';
import { modelParts } from '../charts/models.ts';
import type { Manifest, Part } from '../charts/part.ts';
import { Sheet } from '../charts/sheet.ts';
import { listVersions, versionName } from '../charts/versions.ts';
import { fillModel } from '../settings/fill-models.ts';
import type { Model, Settings } from '../settings.ts';
import { accessManifests } from './access.ts';
import { alertsOf } from './alerts.ts';
import { CONTACT_ANNOTATION, ownerLabels, REQUEST_ANNOTATION } from './names.ts';
import { quotaManifests } from './quota.ts';
import type { OnboardingRequest } from './request.ts';

/** The model as the settings of a platform would have it. */
export function modelOf({ name, model, runtime, source, image, replicas, gpus, version, release }: OnboardingRequest): Model {
  const given = { namespace: name, name, model, runtime, replicas, gpus };
  const optional = Object.entries({ source, image, version, release }).filter(([, value]) => value !== undefined);
  return fillModel({ ...given, ...Object.fromEntries(optional) }, replicas);
}

/** What goes to the cluster of the models: as the models of the settings have it, within the bounds of a team. */
export function modelSide(request: OnboardingRequest, settings: Settings): Part {
  const model = modelOf(request);
  const [part] = modelParts({ ...settings, models: [model] });
  if (part === undefined) throw new Error('a model without a part');
  const sheet = new Sheet(request.name, objectLabels(settings, 'tierkit', 'models'));
  const bounds = new Sheet(request.name, objectLabels(settings, 'tierkit', 'models'));
  for (const manifest of quotaManifests(request.name, listVersions(model))) bounds.add(manifest);
  const manifests = [
    ...accessManifests(request),
    ...(request.runtime === 'kserve' ? [account(request)] : []),
    ...(settings.objectives ? objectives(request) : []),
    ...alertRules(request, settings),
  ];
  for (const manifest of manifests) sheet.add(manifest);
  const [namespace, ...own] = part.manifests.map((manifest) => placed(manifest, request));
  // Pods are admitted by the bounds that are there when they come.
  const all = [namespace!, ...bounds.manifests(), ...own, ...sheet.manifests()];
  return { ...part, manifests: all.map((manifest) => withOwner(manifest, request)) };
}

/** Labels by which everything of a team is found. */
export function withOwner(manifest: Manifest, request: OnboardingRequest): Manifest {
  return { ...manifest, metadata: { ...manifest.metadata, labels: { ...manifest.metadata.labels, ...ownerLabels(request) } } };
}

function placed(manifest: Manifest, request: OnboardingRequest): Manifest {
  const { kind, metadata } = manifest;
  if (kind === 'LLMInferenceService') return withAccount(manifest, request);
  if (kind !== 'Namespace') return manifest;
  const { contact } = request;
  const annotations = {
    ...metadata.annotations,
    ...(contact === undefined ? {} : { [CONTACT_ANNOTATION]: contact }),
    [REQUEST_ANNOTATION]: JSON.stringify(request),
  };
  return { ...manifest, metadata: { ...metadata, labels: { ...metadata.labels, 'app.kubernetes.io/name': 'tierkit' }, annotations } };
}

/** The pods of KServe have the default account of the namespace, unless they name one. */
function withAccount(manifest: Manifest, { name }: OnboardingRequest): Manifest {
  const spec = manifest['spec'] as { readonly template: object };
  return {
    ...manifest,
    spec: { ...spec, template: { ...spec.template, serviceAccountName: name, automountServiceAccountToken: false } },
  };
}

function account({ name }: OnboardingRequest): Manifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: name }, automountServiceAccountToken: false };
}

/** What a request may name in `x-llm-d-inference-objective`: a person waits, or nobody does. */
function objectives({ name, version, release }: OnboardingRequest): Manifest[] {
  // An objective is of one pool: of the one that most requests go to.
  const pool = versionName(name, release !== undefined && release.weight > 50 ? release.version : version);
  return Object.entries({ interactive: 10, batch: -10 }).map(([objective, priority]) => ({
    apiVersion: 'llm-d.ai/v1alpha2',
    kind: 'InferenceObjective',
    metadata: { name: objective, namespace: name },
    spec: { priority, poolRef: { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: pool } },
  }));
}

/** Where the Prometheus operator is: alerts of the team's pool, with its name on them, for the routes of Alertmanager. */
function alertRules({ name, owner }: OnboardingRequest, { observability, namespaces }: Settings): Manifest[] {
  const { operator, alerts, runbooks } = observability;
  if (operator === false || !alerts) return [];
  const rule = prometheusRule({
    name: `team-${name}`,
    namespace: namespaces.observability,
    labels: operator.labels,
    recordings: [],
    alerts: [alertsOf(POOLS, name)],
    ...(runbooks === undefined ? {} : { runbooks }),
    alertLabels: { owner },
  });
  return [{ ...rule }];
}
