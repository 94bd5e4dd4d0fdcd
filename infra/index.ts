// The charts own the shape of every object; Pulumi owns clusters, secrets, order and waiting. Run it as `pulumi up`, or with the checks
// before it as `npm run platform:up`.
import * as pulumi from '@pulumi/pulumi';

import { addressesIn } from './platform/addresses.ts';
import { readConfiguration } from './platform/configuration.ts';
import { NoCrds } from './platform/crds.ts';
import { GENERATED_KEY, parseGenerated } from './platform/generated.ts';
import { deploy, type PlatformOutputs } from './platform/program.ts';
import { InvalidSettings } from './settings.ts';

// The values are marked as secret where they are used: pulumi.Config would warn of every look at one.
const read = (key: string) => pulumi.runtime.getConfig(`${pulumi.getProject()}:${key}`);

/** What the program tells, and the settings as they were given, which stacks of teams go by. No secret can be in them. */
interface StackOutputs extends PlatformOutputs {
  readonly settings: Readonly<Record<string, unknown>>;
}

async function run(): Promise<StackOutputs> {
  try {
    const folder = import.meta.dirname;
    const { settings, given } = readConfiguration(read, folder);
    const secrets = { read, folder, generated: parseGenerated(read(GENERATED_KEY)) };
    return { ...(await deploy({ settings, secrets, findAddress: addressesIn(settings.clusters) })), settings: given };
  } catch (error) {
    // Told without a stack: it is the user's to mend.
    if (error instanceof InvalidSettings || error instanceof NoCrds) throw new pulumi.RunError(error.message);
    throw error;
  }
}

export const { url, curl, clientKeys, clientNames, forward, local, namespaces, settings } = await run();
