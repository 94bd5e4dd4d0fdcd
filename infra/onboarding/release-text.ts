import type { Manifest, Part } from '../charts/part.ts';
import { releaseRouteName, VERSION_HEADER, versionName } from '../charts/versions.ts';
import type { Settings } from '../settings.ts';
import { objectPath } from './files.ts';
import { contextOf } from './offboard.ts';
import type { OnboardingRequest } from './request.ts';

/** Which versions there are, and what each of them gets. */
export function releaseText({ name, model, version, release }: OnboardingRequest): string {
  const current = versionName(name, version);
  if (release === undefined) return `"${model}": ${current} has all requests; there is no release\n`;
  const next = versionName(name, release.version);
  return `"${model}": ${current} has ${100 - release.weight} % of the requests, ${next} has ${release.weight} %\n`;
}

export interface StepPlace {
  /** Objects of the models' cluster before the step, and after it. */
  readonly was: Part;
  readonly is: Part;
  readonly settings: Settings;
  /** Folder with the YAML. */
  readonly folder: string;
}

/** How a step comes to the cluster, and what is next. Tier one has nothing to apply. */
export function afterStep(request: OnboardingRequest, { was, is, settings, folder }: StepPlace): string {
  const kubectl = `kubectl${contextOf(settings, 'model')}`;
  const gone = was.manifests.filter((manifest) => !is.manifests.some((other) => objectPath(other) === objectPath(manifest)));
  const lines = [
    '',
    'Apply it, or let GitOps do it; tier one has nothing to change:',
    `  ${kubectl} apply -k ${folder}`,
    ...(gone.length === 0
      ? []
      : ['Then take away what is not there any more, unless GitOps prunes it. No request goes there now:', ...deletions(gone, kubectl)]),
    ...nextSteps(request, kubectl),
  ];
  return `${lines.join('\n')}\n`;
}

/** The route first, as it leads to the others; then pods, which are waited for: what they are reached by is needed until their last stream ends. */
const FIRST = ['HTTPRoute', 'LLMInferenceService', 'Deployment'];

function place({ kind }: Manifest): number {
  return FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length;
}

function deletions(gone: readonly Manifest[], kubectl: string): string[] {
  return gone
    .toSorted((one, other) => place(one) - place(other))
    .map((manifest) => `  ${kubectl} delete${manifest.kind === 'Deployment' ? ' --cascade=foreground' : ''} ${objectPath(manifest)}`);
}

function nextSteps({ name, runtime, version: current, release }: OnboardingRequest, kubectl: string): string[] {
  if (release === undefined) return [];
  const { version, weight } = release;
  const next = versionName(name, version);
  const command = `tierkit release ${name}`;
  const finish = (stays: string) => `  ${command} finish     ${stays} stays, the pods of the other go`;
  if (weight === 100) return ['Next:', finish(next), `  ${command} rollback   all requests back`];
  const away = `  ${kubectl} -n ${name} delete httproute ${releaseRouteName(name)}   back at once, without Git`;
  if (weight > 0) return ['Next:', `  ${command} weight PERCENT, promote or rollback`, away];
  const ready =
    runtime === 'kserve'
      ? `${kubectl} -n ${name} wait llminferenceservice/${next} --for=condition=Ready --timeout=1h`
      : `${kubectl} -n ${name} rollout status deployment/${next}`;
  return [
    `Next, when the pods of ${next} are ready:`,
    `  ${ready}`,
    `  a request with "${VERSION_HEADER}: ${version}" goes to ${next} alone: try it`,
    `  ${command} weight 10`,
    `Or, to give it up:`,
    finish(versionName(name, current)),
  ];
}
