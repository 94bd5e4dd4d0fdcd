// The charts own the shape of every object; Pulumi owns clusters, secrets, order and waiting. Run it as `pulumi up`, or with the checks
// before it as `npm run platform:up`.
import * as pulumi from '@pulumi/pulumi';

import { addressesIn } from './platform/addresses.ts';
import { settingsOf } from './platform/configuration.ts';
import { NoCrds } from './platform/crds.ts';
import { GENERATED_KEY, parseGenerated } from './platform/generated.ts';
import { deploy, type PlatformOutputs } from './platform/program.ts';
import { InvalidSettings } from './settings.ts';

// The values are marked as secret where they are used: pulumi.Config would warn of every look at one.
const read = (key: string) => pulumi.runtime.getConfig(`${pulumi.getProject()}:${key}`);

async function run(): Promise<PlatformOutputs> {
  try {
    const folder = import.meta.dirname;
    const settings = settingsOf(read, folder);
    const secrets = { read, folder, generated: parseGenerated(read(GENERATED_KEY)) };
    return await deploy({ settings, secrets, findAddress: addressesIn(settings.clusters) });
  } catch (error) {
    // Told without a stack: it is the user's to mend.
    if (error instanceof InvalidSettings || error instanceof NoCrds) throw new pulumi.RunError(error.message);
    throw error;
  }
}

export const { url, curl, clientKeys, clientNames, forward, local, namespaces } = await run();
