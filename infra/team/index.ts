// A team's model as a stack of its own, on a platform that another stack made: pulumi --cwd infra/team up
import * as pulumi from '@pulumi/pulumi';

import type { Part } from '../charts/part.ts';
import { FolderTrouble } from '../onboarding/folder.ts';
import { requestsPresent } from '../onboarding/present.ts';
import { InvalidRequest, type OnboardingRequest } from '../onboarding/request.ts';
import { checkCluster } from '../platform/cluster-check.ts';
import { providersOf } from '../platform/clusters.ts';
import { InvalidSettings, type Settings } from '../settings.ts';
import { setsOf, teamOf } from './configuration.ts';
import { ModelNamespace, teamParts } from './model-namespace.ts';
import { platformIn } from './platform.ts';

const read = (key: string) => pulumi.runtime.getConfig(`${pulumi.getProject()}:${key}`);

interface TeamOutputs {
  readonly namespace: string;
  /** What apps ask for. */
  readonly model: string;
  /** Base URL for apps, of the platform. */
  readonly url: pulumi.Output<string>;
}

async function run(): Promise<TeamOutputs> {
  try {
    const folder = import.meta.dirname;
    const { settings, url } = await platformIn(read, folder);
    const sets = setsOf(read);
    // Whoever makes the set of tier one alone need not reach the other cluster.
    const present = sets.includes('model') ? await teamsPresent(settings) : [];
    const { request, keys } = teamOf(read, { folder, settings, sets, present });
    await check(settings, teamParts({ request, settings, sets }));
    const secrets = Object.fromEntries(Object.entries(keys).map(([app, key]) => [app, pulumi.secret(key)]));
    const providers = providersOf(settings.clusters);
    void new ModelNamespace(request.name, { request, settings, keys: secrets, sets, providers });
    return { namespace: request.name, model: request.model, url };
  } catch (error) {
    // Told without a stack: it is the user's to mend.
    if (error instanceof InvalidRequest || error instanceof InvalidSettings || error instanceof FolderTrouble)
      throw new pulumi.RunError(error.message);
    throw error;
  }
}

async function teamsPresent({ clusters }: Settings): Promise<OnboardingRequest[]> {
  const present = await requestsPresent(clusters.model);
  if (present === undefined)
    void pulumi.log.warn(
      'namespaces may not be listed with these credentials: whether another team has the name or the model is not known',
    );
  return present ?? [];
}

/** Looks at the clusters before anything is made. @throws RunError with all that they would refuse */
async function check({ clusters }: Settings, parts: readonly Part[]): Promise<void> {
  const reports = await Promise.all(parts.map((part) => checkCluster(clusters[part.cluster], [part], new Set())));
  const problems = [...new Set(reports.flatMap((report) => report.problems))];
  if (problems.length > 0) throw new pulumi.RunError(problems.join('\n'));
}

export const { namespace, model, url } = await run();
