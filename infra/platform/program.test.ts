import type * as pulumi from '@pulumi/pulumi';
import { beforeAll, expect, test, vi } from 'vitest';

import { parseKeys } from '../../gateway/mcp/sealed/keys.ts';
import { platform } from '../charts/platform.ts';
import type { PlatformOutputs } from './outputs.ts';
import { programOf, twoClusters } from './program-settings.fixture.ts';
import { isSecret, open, type Registered, runProgram } from './program.fixture.ts';
import { deploy } from './program.ts';

const settings = twoClusters();
const parts = platform(settings);
const addresses: string[] = [];
const program = programOf(settings, (address) => {
  addresses.push(`${address.cluster} ${address.of} ${address.namespace}/${address.name}`);
  return Promise.resolve(address.cluster === 'model' ? '198.51.100.2' : 'lb.example.com');
});

let registered: Registered[];
let outputs: PlatformOutputs;
let url: string;

beforeAll(async () => {
  // The SDK puts it into its providers.
  vi.stubEnv('KUBECONFIG', undefined);
  registered = await runProgram(async () => {
    outputs = await deploy(program);
    outputs.url.apply((known) => (url = known));
  });
});

const objects = () => registered.filter(({ type }) => type.startsWith('kubernetes:'));
const named = (name: string) => registered.find((each) => each.name === name)!;
const textOf = (value: unknown) => JSON.stringify(value);

test('every object of the charts goes to the cluster of its part, by a provider that is named', () => {
  for (const { name, cluster, manifests, secrets, late } of parts) {
    const own = objects().filter((each) => each.name.startsWith(`${name}:`));
    expect(own).toHaveLength(manifests.length + secrets.filter(({ existing }) => existing !== true).length + late.length);
    expect([...new Set(own.map(({ provider }) => provider.split('::').at(-2)))]).toEqual(own.length === 0 ? [] : [`${cluster}-cluster`]);
  }
  const providers = registered.filter(({ type }) => type === 'pulumi:providers:kubernetes');
  expect(providers.map(({ name, inputs }) => [name, inputs['context'], inputs['kubeconfig']])).toEqual([
    ['gateway-cluster', 'gateways', undefined],
    ['model-cluster', 'models', '/etc/models.yaml'],
  ]);
});

test('contents of all Secrets are secret, and nothing of them is anywhere else', async () => {
  const { generated } = program.secrets;
  const hidden = [
    'sk-of-openai',
    ...Object.values(generated.texts),
    ...Object.values(generated.pairs).map(({ keys }) => keys[0]!.pem.split('\n')[1]!),
  ];
  const secrets = objects().filter(({ type }) => type === 'kubernetes:core/v1:Secret');
  expect(secrets.length).toBeGreaterThan(4);
  for (const { inputs, name } of secrets) {
    expect({ name, isSecret: isSecret(inputs['data']) }).toEqual({ name, isSecret: true });
    expect(Object.keys(open(inputs['data']) as object)).not.toEqual([]);
  }
  const others = registered.map((each) => (each.type === 'kubernetes:core/v1:Secret' ? { ...each.inputs, data: '' } : each.inputs));
  for (const text of hidden) {
    expect(textOf(others)).not.toContain(text);
    expect(textOf(others)).not.toContain(Buffer.from(text).toString('base64').slice(0, 40));
  }
  await expect(isSecretOutput(outputs.clientKeys)).resolves.toBe(true);
});

function isSecretOutput(output: pulumi.Output<unknown>): Promise<boolean> {
  return (output as unknown as { isSecret: Promise<boolean> }).isSecret;
}

test('the tiers know each other by keys of which only one has the private half', () => {
  const one = open(named('tier-one:Secret/tierkit-tier-one/tier-one-keys').inputs['data']) as Record<string, string>;
  const two = open(named('tier-two:Secret/tierkit-tier-two/tier-two-keys').inputs['data']) as Record<string, string>;
  expect(Object.keys(one).toSorted()).toEqual(['mcp-sessions', 'tier-one.pem', 'tier-two.jwks.json']);
  const jwks = JSON.parse(Buffer.from(two['tier-one.jwks.json']!, 'base64').toString()) as { keys: Record<string, string>[] };
  expect(jwks.keys).toMatchObject([{ kid: 'tier-one', crv: 'Ed25519' }]);
  expect(jwks.keys[0]).not.toHaveProperty('d');
});

test('replicas of tier one share keys of sessions that the gateway takes', () => {
  const data = open(named('tier-one:Secret/tierkit-tier-one/tier-one-keys').inputs['data']) as Record<string, string>;
  expect(parseKeys(Buffer.from(data['mcp-sessions']!, 'base64').toString())).toMatchObject({ ids: ['sessions'] });
});

test('a part waits for all of the parts that it needs', () => {
  for (const { name, needs } of parts) {
    const first = objects().find((each) => each.name.startsWith(`${name}:`))!;
    const before = new Set(first.dependencies.map((urn) => urn.split('::').at(-1)!.split(':')[0]));
    expect([...before]).toEqual(expect.arrayContaining([...needs]));
  }
});

test('the address of the other cluster comes into the objects that need it, and into no name', () => {
  const backend = objects().find(
    ({ name, inputs }) => name.startsWith('tier-one-routes:Backend/') && textOf(inputs).includes('198.51.100.2'),
  );
  expect(backend?.dependencies.some((urn) => urn.endsWith('::tier-one:Namespace/tierkit-tier-one'))).toBe(true);
  expect(registered.map(({ name }) => name).join()).not.toMatch(/198\.51|192\.0\.2/);
  expect(textOf(registered)).not.toContain('192.0.2.1');
  expect(addresses).toContain('model Gateway tierkit-tier-two/tier-two');
  expect(url).toBe('http://lb.example.com/v1');
});

test('no manifest has an Output in a text', () => {
  expect(textOf(registered.map(({ inputs }) => inputs))).not.toContain('Calling [toString]');
});

test('resources keep their names: another one would be deleted and made anew', async () => {
  const urns = registered.map(({ urn }) => urn).toSorted();
  expect(new Set(urns).size).toBe(urns.length);
  await expect(`${urns.join('\n')}\n`).toMatchFileSnapshot('program.urns.txt');
});
