import { describe, expect, it } from 'vitest';

import { FLAVOURS } from '../charts/flavours.fixture.ts';
import type { Manifest } from '../charts/part.ts';
import { platform } from '../charts/platform.ts';
import { NETWORK_POLICIES, POLICIES, violations, worldOf } from './all.ts';
import type { World } from './policy.ts';

const ALL = { ...POLICIES, ...NETWORK_POLICIES };
const GOOD = worldOf(platform(FLAVOURS['small']!), 'gateway', true);

type Change = (manifest: Changeable) => void;
interface Changeable {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels: Record<string, string> };
  // oxlint-disable-next-line typescript/no-explicit-any -- a manifest is broken in every possible way here
  [field: string]: any;
}

/** The platform with one object changed, or without it. */
function broken(kind: string, name: string, change: Change | 'gone'): World {
  let found = false;
  const manifests = GOOD.manifests.flatMap((manifest): Manifest[] => {
    if (found || manifest.kind !== kind || manifest.metadata.name !== name) return [manifest];
    found = true;
    if (change === 'gone') return [];
    const copy = structuredClone(manifest) as unknown as Changeable;
    change(copy);
    return [copy];
  });
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return { ...GOOD, manifests };
}

const inPod =
  (change: (pod: Changeable['spec']) => void): Change =>
  (manifest) =>
    change(manifest['spec'].template.spec);
const inContainer = (change: (container: Changeable['spec']) => void) => inPod((pod) => change(pod.containers[0]));

const CASES: readonly (readonly [policy: keyof typeof ALL, kind: string, name: string, change: Change | 'gone', message: RegExp])[] = [
  ['restrictedPods', 'Deployment', 'tier-one', inPod((pod) => delete pod.securityContext.seccompProfile), /seccompProfile/],
  ['restrictedPods', 'Deployment', 'tier-one', inPod((pod) => (pod.securityContext.runAsNonRoot = false)), /runAsNonRoot/],
  ['restrictedPods', 'Deployment', 'redis', inPod((pod) => pod.volumes.push({ name: 'x', hostPath: { path: '/' } })), /folder of the node/],
  ['restrictedPods', 'Deployment', 'redis', inPod((pod) => (pod.hostNetwork = true)), /hostNetwork/],
  ['restrictedPods', 'Deployment', 'jaeger', inContainer((container) => (container.securityContext.capabilities.drop = [])), /drop ALL/],
  [
    'restrictedPods',
    'Deployment',
    'jaeger',
    inContainer((container) => (container.securityContext.readOnlyRootFilesystem = false)),
    /readOnlyRoot/,
  ],
  [
    'restrictedPods',
    'Deployment',
    'jaeger',
    inContainer((container) => delete container.securityContext.allowPrivilegeEscalation),
    /Escalation/,
  ],
  ['pinnedImages', 'Deployment', 'redis', inContainer((container) => (container.image = 'redis')), /another image tomorrow/],
  ['pinnedImages', 'Deployment', 'redis', inContainer((container) => (container.image = 'a:5000/redis:latest')), /another image tomorrow/],
  ['resourcesSet', 'Deployment', 'redis', inContainer((container) => delete container.resources.requests.cpu), /requests no cpu/],
  ['resourcesSet', 'Deployment', 'redis', inContainer((container) => delete container.resources.limits), /all memory/],
  ['resourcesSet', 'Deployment', 'redis', inContainer((container) => (container.resources.limits.cpu = '1')), /limit of CPU/],
  ['probesSet', 'Deployment', 'tier-two', inContainer((container) => delete container.readinessProbe), /no readinessProbe/],
  ['probesSet', 'Deployment', 'tier-two', inContainer((container) => (container.startupProbe = {})), /no startupProbe/],
  ['drains', 'Deployment', 'tier-two', inPod((pod) => (pod.terminationGracePeriodSeconds = 115)), /killed after 115/],
  ['drains', 'Deployment', 'tier-two', inContainer((container) => (container.lifecycle = { preStop: {} })), /says nothing/],
  ['disruptionBudgets', 'PodDisruptionBudget', 'tier-one', 'gone', /no PodDisruptionBudget/],
  ['disruptionBudgets', 'Deployment', 'tier-one', (manifest) => (manifest['spec'].replicas = 1), /no node with it could be emptied/],
  [
    'plainSelectors',
    'Deployment',
    'tier-one',
    (manifest) => (manifest['spec'].selector.matchLabels.x = 'y'),
    /does not match its own pods/,
  ],
  [
    'plainSelectors',
    'Deployment',
    'tier-one',
    (manifest) => (manifest['spec'].template.metadata.labels['cdk8s.io/metadata.addr'] = 'x'),
    /path of a construct/,
  ],
  ['servicesSelect', 'Service', 'redis', (manifest) => (manifest['spec'].selector['app.kubernetes.io/name'] = 'x'), /selects no pod/],
  ['servicesSelect', 'Service', 'redis', (manifest) => (manifest['spec'].ports[0].targetPort = 1), /no container/],
  ['podReferences', 'ServiceAccount', 'tier-one', 'gone', /ServiceAccount tierkit-tier-one\/tier-one/],
  ['podReferences', 'ConfigMap', 'jaeger', 'gone', /ConfigMap .*jaeger/],
  ['podReferences', 'PersistentVolumeClaim', 'redis-data', 'gone', /PersistentVolumeClaim/],
  ['podReferences', 'Deployment', 'tier-one', inPod((pod) => (pod.volumes[1].secret.secretName = 'x')), /Secret tierkit-tier-one\/x/],
  [
    'podReferences',
    'Deployment',
    'tier-one',
    inContainer((container) => container.env.push({ name: 'A', valueFrom: { secretKeyRef: { name: 'redis-url', key: 'x' } } })),
    /with x/,
  ],
  ['gatewayReferences', 'Backend', 'tier-two', 'gone', /Backend tierkit-tier-one\/tier-two/],
  ['gatewayReferences', 'Gateway', 'tier-two', 'gone', /Gateway tierkit-tier-two\/tier-two/],
  ['gatewayReferences', 'InferencePool', 'demo-small', 'gone', /InferencePool/],
  [
    'gatewayReferences',
    'SecurityPolicy',
    'clients',
    (manifest) => (manifest['spec'].apiKeyAuth.credentialRefs[0].name = 'x'),
    /Secret tierkit-tier-one\/x/,
  ],
  [
    'gatewayReferences',
    'SecurityPolicy',
    'clients',
    (manifest) => (manifest['spec'].targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'x' }]),
    /HTTPRoute tierkit-tier-one\/x/,
  ],
  ['leastAccess', 'ClusterRole', 'tierkit-tier-one', (manifest) => (manifest['rules'][0].verbs = ['*']), /every one of verbs/],
  [
    'leastAccess',
    'ClusterRole',
    'tierkit-tier-one',
    (manifest) => manifest['rules'].push({ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }),
    /name those/,
  ],
  [
    'leastAccess',
    'ClusterRole',
    'tierkit-tier-one',
    (manifest) => manifest['rules'].push({ apiGroups: [''], resources: ['pods'], verbs: ['delete'] }),
    /every namespace/,
  ],
  ['leastAccess', 'Role', 'tier-one-reads', (manifest) => (manifest['rules'][0].resourceNames = []), /means all of them/],
  ['tokensWhereUsed', 'Deployment', 'redis', inPod((pod) => (pod.automountServiceAccountToken = true)), /no right to ask/],
  ['tokensWhereUsed', 'Deployment', 'tier-one', inPod((pod) => (pod.automountServiceAccountToken = false)), /no token/],
  ['tokensWhereUsed', 'Deployment', 'redis', inPod((pod) => delete pod.serviceAccountName), /no service account/],
  ['bindingsLead', 'ClusterRole', 'tierkit-tier-one', 'gone', /ClusterRole tierkit-tier-one/],
  ['bindingsLead', 'RoleBinding', 'controller', (manifest) => (manifest['subjects'][0].name = 'x'), /service account .*\/x/],
  ['noSecretValues', 'ConfigMap', 'jaeger', (manifest) => (manifest['data'].password = 'x'), /password/],
  ['noSecretValues', 'ConfigMap', 'jaeger', (manifest) => (manifest['data'].x = 'key: sk-abcdefghijklmnopqrstuv'), /credential/],
  ['noSecretValues', 'ConfigMap', 'jaeger', (manifest) => (manifest['data'].x = 'redis://:hunter2@redis:6379'), /credential/],
  ['noSecretValues', 'Deployment', 'redis', inContainer((container) => container.env.push({ name: 'API_KEY', value: 'x' })), /API_KEY/],
  ['noSecretValues', 'ConfigMap', 'jaeger', (manifest) => (manifest.kind = 'Secret'), /never are in a chart/],
  [
    'wholeText',
    'ConfigMap',
    'jaeger',
    (manifest) => (manifest['data'].x = 'Calling [toString] on an [Output<T>] is not supported'),
    /Output/,
  ],
  ['wholeText', 'Backend', 'tier-two', (manifest) => (manifest['spec'].endpoints[0].fqdn.hostname = 'x.undefined.svc'), /undefined/],
  ['wholeText', 'Deployment', 'redis', (manifest) => (manifest['spec'].strategy = {}), /spec\.strategy is empty/],
  ['placed', 'Service', 'redis', (manifest) => delete manifest.metadata.namespace, /names no namespace/],
  ['placed', 'ClusterRole', 'tierkit-tier-one', (manifest) => (manifest.metadata.namespace = 'x'), /its kind has none/],
  ['labelled', 'Service', 'redis', (manifest) => (manifest.metadata.labels = {}), /part-of/],
  [
    'podSecurity',
    'Namespace',
    'tierkit-redis',
    (manifest) => (manifest.metadata.labels['pod-security.kubernetes.io/enforce'] = 'baseline'),
    /restricted/,
  ],
  [
    'podSecurity',
    'Namespace',
    'tierkit-redis',
    (manifest) => delete manifest.metadata.labels['pod-security.kubernetes.io/warn-version'],
    /upgrade/,
  ],
  ['defaultDeny', 'NetworkPolicy', 'default-deny', 'gone', /denies what no other/],
  ['defaultDeny', 'NetworkPolicy', 'default-deny', (manifest) => (manifest['spec'].egress = [{}]), /denies what no other/],
  ['podsCovered', 'NetworkPolicy', 'redis', 'gone', /no NetworkPolicy of its own/],
  ['policiesMeanPods', 'NetworkPolicy', 'redis', (manifest) => (manifest['spec'].podSelector.matchLabels = { x: 'y' }), /about no pod/],
  ['policiesMeanPods', 'NetworkPolicy', 'redis', (manifest) => delete manifest['spec'].ingress[0].ports, /every port/],
];

describe('each policy', () => {
  it('is kept by the platform that is broken here', () => {
    expect(violations(GOOD, ALL)).toEqual([]);
  });

  it.each(CASES)('%s: %s %s', (policy, kind, name, change, message) => {
    const found = violations(broken(kind, name, change), { [policy]: ALL[policy] });
    expect(found).toContainEqual(expect.stringMatching(message));
  });

  it('can fail', () => {
    expect(Object.keys(ALL).filter((name) => !CASES.some(([policy]) => policy === name))).toEqual([]);
  });

  it('knows an autoscaler as well', () => {
    const scaled = worldOf(platform(FLAVOURS['production']!), 'gateway', true);
    const manifests = scaled.manifests
      .filter(({ kind, metadata }) => kind !== 'PodDisruptionBudget' || metadata.name !== 'tier-one')
      .map((manifest) =>
        manifest.kind === 'Deployment' && manifest.metadata.name === 'tier-one'
          ? { ...manifest, spec: { ...(manifest['spec'] as object), replicas: 2 } }
          : manifest,
      );
    expect(violations({ ...scaled, manifests }, { disruptionBudgets: ALL.disruptionBudgets })).toEqual([
      expect.stringMatching(/tier-one: has several pods and no PodDisruptionBudget/),
      expect.stringMatching(/tier-one: has a number of replicas beside an autoscaler/),
    ]);
  });
});
