import * as pulumi from '@pulumi/pulumi';

import { InvalidRequest } from '../onboarding/request.ts';
import { clusterOf, type ReadKey } from '../platform/configuration.ts';
import { readSettings, type Settings } from '../settings.ts';

export interface Platform {
  /** Its clusters are those that this stack's configuration names. */
  readonly settings: Settings;
  readonly url: pulumi.Output<string>;
}

/**
 * The platform that a team comes to, from the outputs of its stack.
 * @param folder what relative paths begin at
 * @throws InvalidRequest where there is no such stack, or where it is none of a platform
 */
export async function platformIn(read: ReadKey, folder: string): Promise<Platform> {
  const name = read('platform') ?? '';
  if (name === '')
    throw wrong(
      'no stack is named: pulumi config set platform ORGANIZATION/tierkit/STACK (in a backend of files: organization/tierkit/STACK)',
    );
  const stack = new pulumi.StackReference(name);
  const { value } = await stack.getOutputDetails('settings');
  return { settings: settingsOf(name, value, read, folder), url: stack.requireOutput('url') as pulumi.Output<string> };
}

/**
 * @param output `settings` of the stack
 * @throws InvalidSettings where it is that of another version of Tierkit, in which settings are called otherwise
 */
export function settingsOf(name: string, output: unknown, read: ReadKey, folder: string): Settings {
  if (output === undefined) throw wrong(`stack ${name} has no output "settings": it is none of a platform, or one that is not up`);
  const settings = readSettings(output);
  const gateway = { ...settings.clusters.gateway, ...clusterOf('gateway', read, folder) };
  const isOne = settings.topology === 'one-cluster';
  return {
    ...settings,
    clusters: { gateway, model: isOne ? gateway : { ...settings.clusters.model, ...clusterOf('model', read, folder) } },
  };
}

function wrong(message: string): InvalidRequest {
  return new InvalidRequest([{ flag: 'platform', message }]);
}
