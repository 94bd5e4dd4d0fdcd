import { readFile } from 'node:fs/promises';

/** An event as the engine writes it (`apitype.EngineEvent` of Pulumi); those of a preview are planning. */
interface EngineEvent {
  readonly resourcePreEvent?: ResourceEvent;
  readonly resOutputsEvent?: ResourceEvent;
  readonly resOpFailedEvent?: ResourceEvent;
}

interface ResourceEvent {
  readonly metadata: { readonly urn: string };
  readonly planning?: boolean;
}

/**
 * Names of the resources that an update has begun and not ended, from the log that `pulumi up --event-log FILE` writes. Pulumi's Automation
 * API goes by it too. None as long as there is no log: Pulumi is too old to write one, or has not begun. It is read from its beginning
 * each time: `up` writes one for its preview, and a new one over it for the update.
 * @see https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/events.go
 */
export async function resourcesUnderWay(file: string): Promise<ReadonlySet<string>> {
  const underWay = new Set<string>();
  const lines = (await textOf(file)).split('\n');
  // The last one may still be being written.
  for (const line of lines.slice(0, -1)) {
    const { resourcePreEvent: begun, resOutputsEvent: done, resOpFailedEvent: failed } = JSON.parse(line) as EngineEvent;
    const ended = done ?? failed;
    if (begun !== undefined && begun.planning !== true) underWay.add(nameOf(begun));
    if (ended !== undefined) underWay.delete(nameOf(ended));
  }
  return underWay;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** `tier-one:Deployment/NAMESPACE/tier-one` of `urn:pulumi:…::tier-one:Deployment/NAMESPACE/tier-one`. */
function nameOf({ metadata: { urn } }: ResourceEvent): string {
  return urn.slice(urn.lastIndexOf('::') + 2);
}
