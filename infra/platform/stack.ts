import { GENERATED_KEY } from './generated.ts';
import { PlatformError, type PulumiCli } from './pulumi-cli.ts';
import type { ReadKey } from './configuration.ts';

/** A stack that Pulumi can read. */
export interface Stack {
  readonly version: string;
  readonly backend: string;
  readonly name: string;
  /** Its configuration, secrets included. */
  readonly read: ReadKey;
}

const PROJECT = 'tierkit:';

/**
 * Finds the stack and reads its configuration.
 * @throws PlatformError that says what is missing: the CLI, a place for states, a stack, the passphrase
 */
export async function readStack(pulumi: PulumiCli): Promise<Stack> {
  const version = await answer(pulumi, ['version'], (said) => said);
  const backend = await answer(
    pulumi,
    ['whoami', '--verbose'],
    (said) => `Pulumi has no place for the state of stacks yet: log in, then run this again.
  pulumi login --local      keeps it in files on this machine (PULUMI_BACKEND_URL=file://FOLDER: in another folder; s3://, gs://, azblob://)
  pulumi login              keeps it at Pulumi Cloud
It said: ${said}`,
  );
  const name = await answer(
    pulumi,
    ['stack', '--show-name'],
    (said) => `There is no stack to work on: ${firstLine(said)}
  ${pulumi.command(['stack', 'init', 'dev'])}`,
  );
  const config = await answer(pulumi, ['config', '--show-secrets', '--json'], (said) =>
    /passphrase/i.test(said) ? passphrase(said) : `The configuration of stack ${name.trim()} cannot be read: ${said}`,
  );
  const values = JSON.parse(config) as Record<string, { readonly value?: string }>;
  return {
    version: version.trim(),
    backend: /Backend URL: (.+)/.exec(backend)?.[1]?.trim() ?? '',
    name: name.trim(),
    read: (key) => values[PROJECT + key]?.value,
  };
}

/** Keeps what was generated, encrypted, in the stack's configuration. It goes by the standard input: arguments are for all to see. */
export async function storeGenerated(pulumi: PulumiCli, generated: object): Promise<void> {
  await answer(
    pulumi,
    ['config', 'set', '--secret', GENERATED_KEY],
    (said) => `What was generated cannot be kept: ${said}`,
    JSON.stringify(generated),
  );
}

/** What a stack tells; undefined before the first `up`. */
export async function readOutputs(pulumi: PulumiCli): Promise<Record<string, unknown> | undefined> {
  const { code, stdout } = await pulumi.run(['stack', 'output', '--json']);
  if (code !== 0) return undefined;
  const outputs = JSON.parse(stdout) as Record<string, unknown>;
  return Object.keys(outputs).length === 0 ? undefined : outputs;
}

async function answer(pulumi: PulumiCli, args: readonly string[], explain: (said: string) => string, input?: string): Promise<string> {
  const { code, stdout, stderr } = await pulumi.run(args, input);
  if (code === 0) return stdout;
  throw new PlatformError(explain((stderr.trim() === '' ? stdout : stderr).trim().replace(/^error: /, '')));
}

function passphrase(said: string): string {
  const what = /incorrect/i.test(said)
    ? 'The passphrase is not the one that this stack was made with.'
    : 'The secrets of this stack are encrypted with a passphrase.';
  return `${what} Give it as PULUMI_CONFIG_PASSPHRASE, or a file with it as PULUMI_CONFIG_PASSPHRASE_FILE.`;
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}
