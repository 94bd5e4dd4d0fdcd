// The official conformance suites, against Tierkit in the cluster that KUBECONFIG names: npm run conformance -- inference|gateway [FLAG…]
// With -gateway-class=NAME against a platform that is there, in which that is the class of a tier: nothing is deployed then.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const MANIFESTS = join(ROOT, 'examples/kubernetes');
const REPORTS = join(ROOT, 'docs/conformance');

interface Suite {
  /** A program that is the compiled suite. */
  readonly program: string;
  readonly how: string;
  /** Manifest of the tier that serves the class, and the class. */
  readonly tier: string;
  readonly gatewayClass: string;
  /** Where the tier runs. */
  readonly namespace: string;
  /** What the suite makes, and leaves behind where it is stopped. */
  readonly namespaces: readonly string[];
  readonly flags: readonly string[];
}

const SUITES: Readonly<Record<string, Suite>> = {
  inference: {
    program: 'inference-conformance',
    how: 'go test -c ./conformance of kubernetes-sigs/gateway-api-inference-extension',
    tier: 'tier-two.yaml',
    gatewayClass: 'tierkit-tier-two',
    // The suite waits until a pod runs in the namespace of its Gateways.
    namespace: 'inference-conformance-infra',
    namespaces: ['inference-conformance-infra', 'inference-conformance-app-backend'],
    flags: [],
  },
  gateway: {
    program: 'gateway-conformance',
    how: 'go test -c ./conformance of kubernetes-sigs/gateway-api',
    tier: 'tier-one.yaml',
    gatewayClass: 'tierkit-tier-one',
    namespace: 'tierkit-system',
    namespaces: ['gateway-conformance-infra', 'gateway-conformance-app-backend', 'gateway-conformance-web-backend'],
    flags: ['-conformance-profiles=GATEWAY-HTTP'],
  },
};

const [name = '', ...flags] = process.argv.slice(2);
const suite = SUITES[name];
const image = process.env['TIERKIT_IMAGE'];
if (suite === undefined) fail(`give a suite: ${Object.keys(SUITES).join(' or ')}, not "${name}"`);
const isThere = flags.some((flag) => /^--?gateway-class=/.test(flag));
if (image === undefined && !isThere) fail('TIERKIT_IMAGE has to name an image of Tierkit that the nodes of the cluster have, or can pull');
if (run('kubectl', ['version', '-o', 'json'], { quiet: true }) !== 0) fail('kubectl does not reach a cluster: set KUBECONFIG');
process.exit(isThere ? atPlatform(suite, flags) : conformance(suite, image!, flags));

function conformance(
  { program, how, tier, gatewayClass, namespace, namespaces, ...more }: Suite,
  ofTierkit: string,
  given: readonly string[],
): number {
  const manifests = ['access.yaml', tier].map((file) => manifest(file, namespace, ofTierkit)).join('\n---\n');
  process.once('SIGINT', () => process.exit(130));
  try {
    if (run('kubectl', ['apply', '-f', '-'], { input: manifests, quiet: true }) !== 0) fail('the manifests cannot be applied');
    const deployment = `deployment/${tier.replace('.yaml', '')}`;
    if (run('kubectl', ['-n', namespace, 'rollout', 'status', deployment, '--timeout=120s'], { quiet: true }) !== 0)
      fail(`${deployment} in ${namespace} does not become ready: kubectl -n ${namespace} describe pods`);
    mkdirSync(REPORTS, { recursive: true });
    return runSuite(program, how, [
      `-gateway-class=${gatewayClass}`,
      `-report-output=${join(REPORTS, `${name}.yaml`)}`,
      ...more.flags,
      ...given,
    ]);
  } finally {
    run('kubectl', ['delete', '-f', '-', '--ignore-not-found', '--wait=false'], { input: manifests, quiet: true });
    run('kubectl', ['delete', 'namespace', ...namespaces, '--ignore-not-found', '--wait=false'], { quiet: true });
  }
}

function atPlatform({ program, how, flags: own }: Suite, given: readonly string[]): number {
  process.once('SIGINT', () => process.exit(130));
  return runSuite(program, how, [...own, ...given]);
}

/** @returns the exit code */
function runSuite(program: string, how: string, given: readonly string[]): number {
  const code = run(program, ['-test.v', '-test.timeout=60m', '-test.run=^TestConformance$', ...about(), ...given]);
  if (code === undefined) fail(`there is no ${program} on PATH (${how})`);
  return code;
}

/** One replica is enough for a suite. */
function manifest(file: string, namespace: string, ofTierkit: string): string {
  return readFileSync(join(MANIFESTS, file), 'utf8')
    .replaceAll('tierkit-system', namespace)
    .replace('image: tierkit', `image: ${ofTierkit}\n        imagePullPolicy: IfNotPresent`)
    .replace('replicas: 2', 'replicas: 1');
}

/** What a report says of the implementation. */
function about(): string[] {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return ['-organization=tierkit', '-project=tierkit', '-url=https://tierkit.dev', `-version=v${version}`, '-contact=@tierkit/maintainers'];
}

/** @returns the exit code; undefined where there is no such program */
function run(
  command: string,
  args: readonly string[],
  { input, quiet = false }: { input?: string; quiet?: boolean } = {},
): number | undefined {
  const { status, error } = spawnSync(command, args, {
    ...(input === undefined ? {} : { input }),
    stdio: [input === undefined ? 'inherit' : 'pipe', quiet ? 'ignore' : 'inherit', 'inherit'],
  });
  if (error !== undefined) return undefined;
  return status ?? 1;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
