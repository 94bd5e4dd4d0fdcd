import { at, listAt, type Policy, selects, templateOf, text } from './policy.ts';

/** A namespace lets nothing pass that no policy names. */
export const defaultDeny: Policy = (manifest, { manifests }) => {
  if (manifest.kind !== 'Namespace') return [];
  const denies = manifests.some((other) => {
    const selector = at(other, 'spec', 'podSelector');
    return (
      other.kind === 'NetworkPolicy' &&
      other.metadata.namespace === manifest.metadata.name &&
      Object.keys(selector ?? {}).length === 0 &&
      text(at(other, 'spec', 'policyTypes')) === 'Ingress,Egress' &&
      at(other, 'spec', 'ingress') === undefined &&
      at(other, 'spec', 'egress') === undefined
    );
  });
  return denies ? [] : ['has no NetworkPolicy that denies what no other one allows'];
};

export const podSecurity: Policy = (manifest) => {
  if (manifest.kind !== 'Namespace') return [];
  const { labels = {} } = manifest.metadata;
  return ['enforce', 'audit', 'warn'].flatMap((mode) => {
    const label = `pod-security.kubernetes.io/${mode}`;
    if (labels[label] !== 'restricted') return [`has to have ${label}: restricted`];
    return labels[`${label}-version`] === undefined ? [`has no ${label}-version: an upgrade of the cluster could refuse its pods`] : [];
  });
};

/** Every pod has a policy that is about it: with default deny alone it could not even resolve a name. */
export const podsCovered: Policy = (manifest, { manifests }) => {
  const template = templateOf(manifest);
  if (template === undefined) return [];
  const covered = manifests.some(
    (other) =>
      other.kind === 'NetworkPolicy' &&
      other.metadata.namespace === manifest.metadata.namespace &&
      selects(at(other, 'spec', 'podSelector', 'matchLabels'), at(template, 'metadata', 'labels')),
  );
  return covered ? [] : ['has no NetworkPolicy of its own'];
};

/** What a policy lets in from a namespace that is ours are pods that are there. */
export const policiesMeanPods: Policy = (manifest, { manifests }) => {
  if (manifest.kind !== 'NetworkPolicy') return [];
  const selector = at(manifest, 'spec', 'podSelector', 'matchLabels');
  if (selector === undefined) return [];
  const found = manifests.some(
    (other) =>
      other.metadata.namespace === manifest.metadata.namespace &&
      (selects(selector, at(templateOf(other), 'metadata', 'labels')) || other.kind === 'LLMInferenceService'),
  );
  const empty = [...listAt(manifest, 'spec', 'ingress'), ...listAt(manifest, 'spec', 'egress')].filter(
    (rule) => listAt(rule, 'ports').length === 0,
  );
  return [...(found ? [] : ['is about no pod']), ...empty.map(() => 'lets every port pass')];
};
