import type { Manifest } from '../charts/part.ts';
import { listVersions } from '../charts/versions.ts';
import type { Settings } from '../settings.ts';
import { objectPath } from './files.ts';
import { modelOf } from './model-side.ts';
import { gatewayName, keysName } from './names.ts';
import { onboard } from './onboard.ts';
import type { OnboardingRequest } from './request.ts';

/** One step of the way out, for people: nothing of it is done by us. */
export interface OffboardStep {
  readonly title: string;
  readonly why: string;
  readonly commands: readonly string[];
}

/**
 * The way out, in an order in which no request is lost: nobody comes in any more, those under way end, and then the pods go.
 * @param folder of GitOps; absent: there is none
 */
export function offboard(request: OnboardingRequest, settings: Settings, folder?: string): OffboardStep[] {
  const { name, model, owner } = request;
  const { namespaces, tierOne, tierTwo } = settings;
  const { gateway } = onboard(request, settings);
  const one = `kubectl${contextOf(settings, 'gateway')}`;
  const two = `kubectl${contextOf(settings, 'model')}`;
  const pods = `app.kubernetes.io/name in (${listVersions(modelOf(request))
    .map((version) => version.name)
    .join(',')})`;
  const seconds = Math.max(tierOne.drainSeconds, tierTwo.drainSeconds);
  const rest = gateway.manifests.filter((manifest) => !isRoute(manifest));
  const route = gateway.manifests.filter(isRoute);
  const inGit = (path: string) =>
    folder === undefined
      ? []
      : [`git rm -r ${folder}/${name}/${path}   # and take it out of its kustomization.yaml; commit, and let it sync`];
  return [
    {
      title: `Ask who still calls "${model}"`,
      why: `Requests of the last day, by app: each of them gets an error after the next step. Tell ${owner}${request.contact === undefined ? '' : ` (${request.contact})`}.`,
      commands: [
        `${one} -n ${namespaces.tierOne} logs -l app.kubernetes.io/component=tier-one --since=24h --tail=-1 --prefix | grep -F ${quoted(`"${model}"`)} | tail`,
      ],
    },
    {
      title: 'Drain at tier one: take the route away, before anything else',
      why: 'New requests are refused: 401 with the keys of the team, which open nothing any more, 404 with those of others. Those under way keep the route that they started with, to their end.',
      commands: [...inGit('gateway/route.yaml'), ...route.map((manifest) => `${one} delete ${objectPath(manifest)}`)],
    },
    {
      title: 'Wait until nothing is under way any more',
      why: 'Streams may take as long as the longest answer. Each pod says how many requests it has; go on when all say 0.',
      commands: [
        `sleep ${seconds}`,
        `for pod in $(${two} -n ${name} get pods -l '${pods}' -o name); do ${two} get --raw "/api/v1/namespaces/${name}/pods/\${pod#pod/}:8000/proxy/metrics" | grep -E '^vllm:num_requests_(running|waiting)'; done`,
      ],
    },
    {
      title: 'Take the rest away at tier one: policies, budget, leave to read the keys',
      why: 'Only now: while the route was there, its own policy kept out those who may call other models.',
      commands: [
        ...inGit('gateway'),
        ...rest.map((manifest) => `${one} delete ${objectPath(manifest)}`),
        `${one} delete -n ${namespaces.tierOne} secret/${keysName(name)}`,
      ],
    },
    {
      title: 'Take the model away: route at tier two, pool and pods, and the namespace with all that is in it',
      why: 'This cannot be undone. Volumes of the namespace go too; copy what is to be kept.',
      commands: [...inGit('model'), ...modelCommands(request, settings, two), `${two} delete namespace ${name} --wait=true --timeout=10m`],
    },
    {
      title: 'Look whether anything is left',
      why: 'Both lists have to be empty. Then the name is free again, and so is the model.',
      commands: [
        `${one} get aigatewayroutes,securitypolicies,backendtrafficpolicies,budgets,pricetables,roles,rolebindings,configmaps -A -l tierkit.dev/onboarded=${name}`,
        `${two} get namespaces -l tierkit.dev/onboarded=${name}`,
      ],
    },
  ];
}

/** A word of the shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function isRoute({ kind }: Manifest): boolean {
  return kind === 'AIGatewayRoute' || kind === 'HTTPRoute';
}

/** What has to go before the namespace, or is outside of it. */
function modelCommands(request: OnboardingRequest, settings: Settings, kubectl: string): string[] {
  const { model } = onboard(request, settings);
  const first = model.manifests.filter((manifest) => isRoute(manifest) || manifest.kind === 'LLMInferenceService');
  const outside = model.manifests.filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== request.name);
  return [...first, ...outside].map((manifest) => `${kubectl} delete ${objectPath(manifest)}`);
}

/** The plan as people read it. */
export function planText({ name, owner }: OnboardingRequest, steps: readonly OffboardStep[]): string {
  const lines = steps.flatMap(({ title, why, commands }, index) => [
    '',
    `${index + 1}. ${title}`,
    `   ${why}`,
    ...commands.map((command) => `     ${command}`),
  ]);
  return [
    `Offboarding of ${name} (${gatewayName(name)} at tier one) of ${owner}. Nothing was done: run the steps in their order.`,
    ...lines,
    '',
  ].join('\n');
}

/** Option of kubectl for a cluster; nothing where it is the current one. */
export function contextOf({ clusters }: Settings, cluster: 'gateway' | 'model'): string {
  const { context } = clusters[cluster];
  return context === undefined ? '' : ` --context ${context}`;
}
