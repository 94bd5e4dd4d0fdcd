import { clusterNames, partsIn } from '../charts/clusters.ts';
import { platform } from '../charts/platform.ts';
import type { Part } from '../charts/part.ts';
import { InvalidSettings, type Settings } from '../settings.ts';
import { checkCluster, type ClusterReport } from './cluster-check.ts';
import { settingsOf } from './configuration.ts';
import { kindsOf, NoCrds, readCrds } from './crds.ts';
import { completed, type Generated, GENERATED_KEY, namesMissing, namesNeeded, parseGenerated } from './generated.ts';
import { PlatformError, type PulumiCli } from './pulumi-cli.ts';
import { secretProblems } from './secrets.ts';
import { readStack, type Stack, storeGenerated } from './stack.ts';

/** What can be worked with. */
export interface Prepared {
  readonly stack: Stack;
  readonly settings: Settings;
  readonly parts: readonly Part[];
  readonly generated: Generated;
}

export interface PreflightOptions {
  readonly pulumi: PulumiCli;
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly check?: typeof checkCluster;
}

/**
 * Reads the stack and its settings.
 * @throws PlatformError with everything that is wrong
 */
export async function prepare({ pulumi, folder, say }: PreflightOptions): Promise<Prepared> {
  const stack = await readStack(pulumi);
  say(`pulumi     ${stack.version}, stack ${stack.name} at ${stack.backend}`);
  try {
    const settings = settingsOf(stack.read, folder);
    const parts = platform(settings);
    const count = parts.reduce((sum, { manifests, secrets }) => sum + manifests.length + secrets.length, 0);
    say(`settings   ${settings.size}, ${settings.topology}: ${parts.length} parts, ${count} objects`);
    return { stack, settings, parts, generated: parseGenerated(stack.read(GENERATED_KEY)) };
  } catch (error) {
    if (!(error instanceof InvalidSettings)) throw error;
    throw new PlatformError(error.message.replaceAll('\n', '\n  '), { cause: error });
  }
}

/** Makes the keys and passwords that are still missing, once. */
export async function generateMissing({ generated, parts, stack }: Prepared, { pulumi, say }: PreflightOptions): Promise<Generated> {
  const needed = namesNeeded(parts);
  const missing = namesMissing(generated, needed);
  if (missing.length === 0) return generated;
  const complete = completed(generated, needed, Date.now());
  await storeGenerated(pulumi, complete);
  say(`generated  ${missing.join(', ')}; kept encrypted in the configuration of stack ${stack.name}`);
  return complete;
}

/**
 * Looks whether all that the platform needs is there.
 * @throws PlatformError with everything that is wrong
 */
export async function preflight(prepared: Prepared, { folder, say, check = checkCluster }: PreflightOptions): Promise<void> {
  const { settings, parts, stack } = prepared;
  // What is missing of these is made.
  const { pairs, texts } = completed(prepared.generated, namesNeeded(parts), 0);
  const secrets = secretProblems(parts, { read: stack.read, generated: { pairs, texts }, folder });
  const problems = secrets.map(({ path, message }) => `${path}: ${message}`);
  const installed = await crdKinds(settings, folder, problems);
  for (const name of clusterNames(settings)) {
    const report = await check(settings.clusters[name], partsIn(settings, parts, name), installed);
    say(describe(name, settings, report));
    for (const notice of report.notices) say(`note       ${notice}`);
    problems.push(...report.problems.map((problem) => `${name} cluster: ${problem}`));
  }
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'This is missing:' : `These ${problems.length} things are missing:`;
  throw new PlatformError(`${count}\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
}

async function crdKinds({ crds }: Settings, folder: string, problems: string[]): Promise<ReadonlySet<string>> {
  try {
    return kindsOf(await readCrds(crds, folder));
  } catch (error) {
    if (!(error instanceof NoCrds)) throw error;
    problems.push(error.message);
    return new Set();
  }
}

function describe(name: string, { topology, clusters }: Settings, { server, version }: ClusterReport): string {
  const { context, kubeconfig } = clusters[name === 'model' ? 'model' : 'gateway'];
  const who = topology === 'one-cluster' ? 'cluster   ' : `${name.padEnd(7)}   `;
  return `${who} ${context ?? kubeconfig}: ${server === '' ? 'not known' : server}${version === '' ? '' : `, Kubernetes ${version}`}`;
}
