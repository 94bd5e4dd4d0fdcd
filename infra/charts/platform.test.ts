import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { ClusterLoader, type ClusterObject } from '#core/resources/cluster-load';
import { InferencePool } from '#core/resources/inference/inference-pool';

import { labelsOf, type Role, ROLES } from '../../observability/prometheus/targets.ts';
import { POLICIES } from '../policies/all.ts';
import { at, listAt } from '../policies/policy.ts';
import { readSettings, type Settings } from '../settings.ts';
import { DEV, FLAVOURS, PRODUCTION, SMALL, TWO_CLUSTERS } from './flavours.fixture.ts';
import { gatewayHost } from './gateways.ts';
import type { Manifest, Part } from './part.ts';
import { platform } from './platform.ts';

const NOWHERE = { manifests: [], secrets: [], elsewhere: [] };

function part(settings: Settings, name: string): Part {
  const found = platform(settings).find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no part ${name}`);
  return found;
}

function object(settings: Settings, of: string, kind: string, name: string): Manifest {
  const found = part(settings, of).manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name} in ${of}`);
  return found;
}

const pod = (manifest: Manifest) => at(manifest, 'spec', 'template', 'spec');
const args = (manifest: Manifest) => listAt(listAt(pod(manifest), 'containers')[0], 'args').map(String);
const env = (manifest: Manifest, name: string) =>
  listAt(listAt(pod(manifest), 'containers')[0], 'env').find((each) => each['name'] === name);

describe.each(Object.entries(FLAVOURS))('the parts of %s', (_, settings) => {
  const parts = platform(settings);

  it('have names of their own, and stand behind what they need', () => {
    expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length);
    for (const [index, { needs }] of parts.entries())
      for (const need of needs) expect(parts.slice(0, index).map(({ name }) => name)).toContain(need);
  });

  it('make each object once', () => {
    const paths = parts.flatMap(({ cluster, manifests, secrets }) => [
      ...manifests.map(({ kind, metadata: { namespace, name } }) => `${cluster} ${kind} ${namespace} ${name}`),
      ...secrets.map(({ namespace, name }) => `${cluster} Secret ${namespace} ${name}`),
    ]);
    expect(new Set(paths).size).toBe(paths.length);
  });

  it('put everything into namespaces that are there by then', () => {
    for (const [index, { cluster, manifests, secrets, late }] of parts.entries()) {
      const isHere = (other: Part) => settings.topology === 'one-cluster' || other.cluster === cluster;
      const before = parts
        .slice(0, index + 1)
        .filter(isHere)
        .flatMap((each) => each.manifests);
      const namespaces = before.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name);
      const used = [...manifests, ...late.map(({ manifest }) => manifest('192.0.2.1'))].flatMap(({ metadata }) => metadata.namespace ?? []);
      for (const namespace of [...used, ...secrets.map(({ namespace }) => namespace)]) expect(namespaces).toContain(namespace);
    }
  });

  it('read late addresses where they will be', () => {
    for (const { address } of parts.flatMap(({ late }) => late)) {
      const source = parts.find(({ name }) => name === address.part)!;
      expect(source.cluster).toBe(address.cluster);
      expect(
        source.manifests.some(
          ({ kind, metadata }) => kind === address.of && metadata.name === address.name && metadata.namespace === address.namespace,
        ),
      ).toBe(true);
      const isAwaited = source.awaited.some(
        ({ kind, name, condition }) => kind === 'Gateway' && name === address.name && condition === 'Programmed',
      );
      expect(isAwaited).toBe(address.of === 'Gateway');
    }
  });

  it('await what is among their objects', () => {
    for (const { awaited, manifests } of parts)
      for (const { kind, namespace, name } of awaited)
        expect(manifests.some((each) => each.kind === kind && each.metadata.namespace === namespace && each.metadata.name === name)).toBe(
          true,
        );
  });

  it('say nothing of a cluster that they are not in', () => {
    if (settings.topology === 'one-cluster') return;
    const namespaces = { gateway: settings.namespaces.tierTwo, model: settings.namespaces.tierOne };
    for (const { cluster, manifests } of parts)
      expect(manifests.map(({ metadata }) => metadata.namespace)).not.toContain(namespaces[cluster]);
  });
});

describe('between the tiers', () => {
  const two = readSettings({ ...SMALL, ...TWO_CLUSTERS });

  it('each has its own private key and the public one of the other', () => {
    for (const settings of [FLAVOURS['dev']!, two]) {
      expect(part(settings, 'tier-one').secrets[0]).toMatchObject({
        namespace: 'tierkit-tier-one',
        values: {
          'tier-one.pem': { from: 'private-key', pair: 'tier-one' },
          'tier-two.jwks.json': { from: 'public-keys', pairs: ['tier-two'] },
          'mcp-sessions': { from: 'template', names: ['mcp-sessions', 'mcp-sessions-more'] },
        },
      });
      expect(args(object(settings, 'tier-one', 'Deployment', 'tier-one'))).toContain('--mcp-session-keys=/etc/tierkit/keys/mcp-sessions');
      expect(args(object(settings, 'tier-two', 'Deployment', 'tier-two')).join(' ')).not.toContain('mcp');
      expect(args(object(settings, 'tier-two', 'Deployment', 'tier-two'))).toEqual(
        expect.arrayContaining([
          '--signing-key=/etc/tierkit/keys/tier-two.pem',
          '--peer-keys=/etc/tierkit/keys/tier-one.jwks.json',
          '--audience=models',
        ]),
      );
    }
  });

  it('tier two is reached by the Service that the controller makes, or by an address that comes later', () => {
    const backend = object(FLAVOURS['dev']!, 'tier-one-routes', 'Backend', 'tier-two');
    expect(at(backend, 'spec', 'endpoints')).toEqual([{ fqdn: { hostname: gatewayHost(FLAVOURS['dev']!, 'tier-two'), port: 1976 } }]);
    expect(gatewayHost(FLAVOURS['dev']!, 'tier-two')).toMatch(
      /^gw-tierkit-tier-two-tier-two-[0-9a-f]{8}\.tierkit-tier-two\.svc\.cluster\.local$/,
    );
    const { late, needs } = part(two, 'tier-one-routes');
    expect(needs).toContain('tier-two-gateway');
    expect(late.map(({ manifest }) => manifest('192.0.2.7')['spec'])).toEqual([
      { endpoints: [{ ip: { address: '192.0.2.7', port: 1976 } }] },
    ]);
    expect(late[0]!.manifest('lb.example.com')['spec']).toEqual({ endpoints: [{ fqdn: { hostname: 'lb.example.com', port: 1976 } }] });
    const known = readSettings({ ...SMALL, ...TWO_CLUSTERS, tierTwo: { address: 'models.example.com' } });
    expect(part(known, 'tier-one-routes').late).toEqual([]);
  });

  it('in one cluster nobody but tier one reaches tier two, and nobody but tier two the pods', () => {
    const settings = FLAVOURS['dev']!;
    const ingress = (of: string, name: string) => JSON.stringify(at(object(settings, of, 'NetworkPolicy', name), 'spec', 'ingress'));
    const tierTwo = ingress('tier-two', 'tier-two');
    expect(tierTwo).toContain('tierkit-tier-one');
    expect(tierTwo).not.toContain('ipBlock');
    const pods = ingress('models-models-demo', 'demo-small');
    expect(pods).toContain('tierkit-tier-two');
    expect(pods).not.toContain('tierkit-tier-one');
    expect(at(object(settings, 'models-models-demo', 'NetworkPolicy', 'demo-small'), 'spec', 'egress')).toBeUndefined();
  });

  it('traces of both go to one place, over the border as well', () => {
    expect(env(object(FLAVOURS['dev']!, 'tier-two', 'Deployment', 'tier-two'), 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')).toMatchObject({
      value: 'http://jaeger.tierkit-observability.svc:4318/v1/traces',
    });
    const variable = env(object(two, 'tier-two', 'Deployment', 'tier-two'), 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
    const [late] = part(two, 'tier-two').late;
    const configMap = late!.manifest('2001:db8::1');
    expect(at(variable, 'valueFrom', 'configMapKeyRef', 'name')).toBe(configMap.metadata.name);
    expect(configMap['data']).toEqual({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://[2001:db8::1]:4318/v1/traces' });
  });
});

describe('models', () => {
  const settings = FLAVOURS['small']!;

  it('are in namespaces whose routes the Gateway of tier two takes', () => {
    const gateway = object(settings, 'tier-two-gateway', 'Gateway', 'tier-two');
    const wanted = at(listAt(gateway, 'spec', 'listeners')[0], 'allowedRoutes', 'namespaces', 'selector', 'matchLabels');
    expect(object(settings, 'models-models-demo', 'Namespace', 'models-demo').metadata.labels).toMatchObject(wanted as object);
  });

  it('have a picker that knows the pool, and asks the name service for its pods', () => {
    const file = at(object(settings, 'models-models-demo', 'ConfigMap', 'demo-large-epp'), 'data', 'pool.yaml');
    const { set, problems } = new ClusterLoader('tierkit.dev/tier-two').load([load(String(file))] as readonly ClusterObject[], '1');
    expect(problems).toEqual([]);
    const [pool] = [...set.all(InferencePool)];
    const [name = '', namespace] = pool!.metadata.annotations['tierkit.dev/endpoints-dns']!.split('.');
    expect(namespace).toBe('models-demo');
    expect(at(object(settings, 'models-models-demo', 'Service', name), 'spec', 'clusterIP')).toBe('None');
  });
});

it('Redis asks for the password that tier one has', () => {
  const [config] = part(FLAVOURS['small']!, 'redis').secrets;
  const url = part(FLAVOURS['small']!, 'tier-one').secrets.find(({ name }) => name === 'redis-url');
  expect(config!.values['redis.conf']).toMatchObject({
    from: 'template',
    text: expect.stringMatching(/^requirepass \$\{redis\}$/m),
    names: ['redis'],
  });
  expect(url!.values['REDIS_URL']).toEqual({ from: 'template', text: 'redis://:${redis}@redis.tierkit-redis.svc:6379', names: ['redis'] });
});

it('an external Redis may have its URL in a store of secrets', () => {
  const settings = readSettings({
    image: { name: 'x', tag: '1' },
    redis: { mode: 'external', url: { external: { store: 'vault', key: 'redis' } } },
  });
  const { manifests, secrets } = platform(settings).find(({ name }) => name === 'tier-one')!;
  const made = manifests.find(({ kind }) => kind === 'ExternalSecret');
  expect(made).toMatchObject({ metadata: { namespace: 'tierkit-tier-one' }, spec: { target: { name: 'redis-url' } } });
  expect(secrets).toContainEqual(expect.objectContaining({ name: 'redis-url', existing: true }));
});

it('a second platform of a cluster has classes of its own, and its processes serve no others', () => {
  const settings = readSettings({ image: { name: 'x', tag: '1' }, instance: 'blue' });
  const manifests = platform(settings).flatMap((each) => each.manifests);
  const classes = manifests.filter(({ kind }) => kind === 'GatewayClass');
  expect(classes.map(({ metadata, spec }) => [metadata.name, at(spec, 'controllerName')])).toEqual([
    ['blue-tier-two', 'tierkit.dev/blue-tier-two'],
    ['blue-tier-one', 'tierkit.dev/blue-tier-one'],
  ]);
  expect(args(object(settings, 'tier-one', 'Deployment', 'tier-one'))).toContain('--controller-name=tierkit.dev/blue-tier-one');
  expect(args(object(settings, 'tier-two', 'Deployment', 'tier-two'))).toContain('--controller-name=tierkit.dev/blue-tier-two');
  const controller = args(object(settings, 'controller', 'Deployment', 'controller'));
  for (const tier of ['tier-one', 'tier-two']) expect(controller).toContain(`--${tier}-controller-name=tierkit.dev/blue-${tier}`);
  expect(manifests.map(({ spec }) => JSON.stringify(spec)).join()).not.toContain('"tierkit.dev/tier-');
});

const tierTwoArgs = (settings: Settings) => args(object(settings, 'tier-two', 'Deployment', 'tier-two')).join(' ');
const tierTwoCallers = (settings: Settings) =>
  JSON.stringify(at(object(settings, 'tier-two', 'NetworkPolicy', 'tier-two'), 'spec', 'ingress', '0', 'from'));

it('tier two asks everyone for a token of tier one, unless it is told to be open', () => {
  const open = readSettings({ image: { name: 'x', tag: '1' }, tierTwo: { open: true }, networkPolicies: { enabled: true } });
  expect(tierTwoArgs(open)).not.toContain('--peer-keys');
  expect(tierTwoCallers(open)).toContain('0.0.0.0/0');
  expect(tierTwoArgs(FLAVOURS['small']!)).toContain('--peer-keys=');
  expect(tierTwoCallers(FLAVOURS['small']!)).not.toContain('0.0.0.0/0');
});

describe('tier one', () => {
  it('may reach no private address as a provider, nor the metadata of a cloud', () => {
    const policy = JSON.stringify(object(FLAVOURS['production']!, 'tier-one', 'NetworkPolicy', 'tier-one'));
    expect(policy).toContain('"except":["10.0.0.0/8","100.64.0.0/10","169.254.0.0/16"');
  });

  it('has exceptions only where there is something to except from', () => {
    const providers = { cidrs: ['10.0.0.0/8', '203.0.113.0/24'], except: ['10.1.0.0/16'] };
    const settings = readSettings({ ...PRODUCTION, networkPolicies: { providers } });
    const policy = JSON.stringify(object(settings, 'tier-one', 'NetworkPolicy', 'tier-one'));
    expect(policy).toContain('{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}');
    expect(policy).toContain('{"cidr":"203.0.113.0/24"}');
  });

  it('counts in Redis, with a share for each replica when that is away', () => {
    const deployment = object(FLAVOURS['production']!, 'tier-one', 'Deployment', 'tier-one');
    expect(args(deployment)).toEqual(expect.arrayContaining(['--limits-mode=exact', '--limits-failure=open', '--limits-share=0.5']));
    expect(env(deployment, 'REDIS_URL')).toMatchObject({ valueFrom: { secretKeyRef: { name: 'redis-url', key: 'REDIS_URL' } } });
    expect(args(object(FLAVOURS['dev']!, 'tier-one', 'Deployment', 'tier-one')).join()).not.toContain('limits');
  });

  it('reads the Secrets that are named, and no others', () => {
    const role = object(FLAVOURS['production']!, 'tier-one', 'Role', 'tier-one-reads');
    expect(role['rules']).toEqual([
      expect.objectContaining({
        resourceNames: ['azure-key', 'client-keys', 'gateway-tls', 'provider-anthropic', 'provider-cohere', 'provider-openai'],
      }),
    ]);
    expect(part(FLAVOURS['dev']!, 'tier-one').manifests.filter(({ metadata }) => metadata.name === 'tier-one-reads')).toEqual([]);
  });

  it('sends a name that several serve to own models first, and then to the providers in their order', () => {
    const route = object(FLAVOURS['production']!, 'tier-one-routes', 'AIGatewayRoute', 'models');
    const backends = (model: string) =>
      listAt(route, 'spec', 'rules').find((rule) => JSON.stringify(rule['matches']).includes(`"${model}"`))?.['backendRefs'];
    expect(backends('chat')).toEqual([
      { name: 'tier-two', modelNameOverride: 'llama-4', priority: 0 },
      { name: 'openai', modelNameOverride: 'llama-4', priority: 1 },
    ]);
    expect(backends('gpt-5')).toEqual([
      { name: 'openai', priority: 0 },
      { name: 'azure', priority: 1 },
    ]);
  });

  it('has as many routes as its rules need', () => {
    const providers = Array.from({ length: 40 }, (_, index) => ({
      name: `p${index}`,
      api: 'OpenAI' as const,
      hostname: 'x.example.com',
      models: [{ name: `m${index}` }],
    }));
    const routes = part(readSettings({ ...DEV, providers }), 'tier-one-routes').manifests.filter(({ kind }) => kind === 'AIGatewayRoute');
    expect(routes.map((route) => [route.metadata.name, listAt(route, 'spec', 'rules').length])).toEqual([
      ['models', 15],
      ['models-2', 15],
      ['models-3', 11],
    ]);
  });

  it('gives keys to apps: generated ones, or those of the settings', () => {
    const needs = part(FLAVOURS['production']!, 'tier-one-routes').secrets;
    expect(needs.find(({ name }) => name === 'client-keys')?.values).toEqual({
      web: { from: 'generated', name: 'client-web' },
      batch: { from: 'config', key: 'batchKey', path: 'tierOne.clients[1].key' },
    });
    expect(needs.find(({ name }) => name === 'azure-key')).toMatchObject({ existing: true });
  });
});

/** Of a Jaeger with so much memory. */
function configHash(memory: string): unknown {
  const settings = FLAVOURS['dev']!;
  const { observability } = settings;
  const jaeger = { ...observability.jaeger, resources: { cpu: '1', memory } } as typeof observability.jaeger;
  const deployment = object({ ...settings, observability: { ...observability, jaeger } }, 'jaeger', 'Deployment', 'jaeger');
  return at(deployment, 'spec', 'template', 'metadata', 'annotations', 'tierkit.dev/config-hash');
}

it('makes new pods of Jaeger when its configuration changes, and only then', () => {
  expect(configHash('1Gi')).toMatch(/^[0-9a-f]{16}$/);
  expect(configHash('1Gi')).toBe(configHash('1024Mi'));
  expect(configHash('1Gi')).not.toBe(configHash('2Gi'));
});

describe('what cdk8s-plus-28 does not know', () => {
  it('is there: a pause before SIGTERM, the spread of each release, seccomp', () => {
    const manifest = object(FLAVOURS['production']!, 'tier-two', 'Deployment', 'tier-two');
    const [server] = listAt(pod(object(FLAVOURS['production']!, 'models-team-a', 'Deployment', 'llama')), 'containers');
    expect(server).toMatchObject({ lifecycle: { preStop: { sleep: { seconds: 5 } } } });
    expect(pod(manifest)).toMatchObject({
      terminationGracePeriodSeconds: 120,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      topologySpreadConstraints: [{ matchLabelKeys: ['pod-template-hash'] }, {}],
      priorityClassName: 'platform',
      imagePullSecrets: [{ name: 'registry' }],
    });
    expect(manifest['spec']).not.toHaveProperty('replicas');
  });

  it('pods of models have no class of the platform', () => {
    expect(pod(object(FLAVOURS['production']!, 'models-team-a', 'Deployment', 'llama'))).not.toHaveProperty('priorityClassName');
  });
});

it('Prometheus finds the pods of every role by their labels', () => {
  const settings = FLAVOURS['small']!;
  const pods = platform(settings).flatMap(({ manifests }) =>
    manifests.flatMap((manifest) => (manifest.kind === 'Deployment' ? [at(manifest, 'spec', 'template', 'metadata', 'labels')] : [])),
  );
  const isThere = (role: Role) =>
    pods.some((labels) => Object.entries(labelsOf(role)).every(([label, value]) => at(labels, label) === value));
  expect(ROLES.filter((role) => !isThere(role))).toEqual([]);
});

it('nothing is in a chart that is a secret, whichever the settings are', () => {
  const marked = readSettings({ ...PRODUCTION, redis: { url: { config: 'redisUrl' } } });
  for (const each of platform(marked))
    for (const manifest of each.manifests) expect(POLICIES.noSecretValues(manifest, NOWHERE)).toEqual([]);
});
