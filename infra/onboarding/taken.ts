import type { Settings } from '../settings.ts';
import type { OnboardingRequest } from './request.ts';

/** Whose namespace it is already, as a message; undefined where it is free, or the same team's own. */
export function nameTakenBy(
  name: string,
  owner: string,
  { namespaces, models, networkPolicies }: Settings,
  others: readonly OnboardingRequest[],
): string | undefined {
  if (name === 'default' || name.startsWith('kube-')) return `${name} is a namespace of Kubernetes itself; choose another name`;
  const part = Object.entries(namespaces).find(([, namespace]) => namespace === name)?.[0];
  if (part !== undefined) return `${name} is namespaces.${part} of the platform; choose another name`;
  if (networkPolicies.monitoring.includes(name)) return `${name} is a namespace whose pods may scrape metrics; choose another name`;
  if (models.some(({ namespace }) => namespace === name))
    return `${name} is a namespace of models in the settings of the platform; choose another name`;
  const other = others.find((each) => each.name === name);
  if (other === undefined || other.owner === owner) return undefined;
  return `${name} is taken by ${other.owner}${other.contact === undefined ? '' : ` (${other.contact})`}; choose another name`;
}

/** Who serves a model of that name already: the name is all that requests go by, so a second one would get the first one's traffic. */
export function modelTakenBy(
  model: string,
  name: string,
  { models, providers }: Settings,
  others: readonly OnboardingRequest[],
): string | undefined {
  const why = 'requests go by the name of the model alone; choose another one';
  const own = models.find((each) => [each.model, ...each.routes, ...each.loras].includes(model));
  if (own !== undefined) return `"${model}" is served by ${own.namespace}/${own.name} already: ${why}`;
  const provider = providers.find((each) => each.models.some(({ as }) => as === model));
  if (provider !== undefined) return `"${model}" is served by the provider ${provider.name} already: ${why}`;
  const other = others.find((each) => each.model === model && each.name !== name);
  return other === undefined ? undefined : `"${model}" is served by ${other.name} of ${other.owner} already: ${why}`;
}
