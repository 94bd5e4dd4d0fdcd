import { describe, expect, it } from 'vitest';

import { InvalidSettings, readSettings } from '../settings.ts';

const IMAGE = { name: 'registry.example.com/tierkit', tag: '1' };
const MODEL = { namespace: 'team', name: 'm', runtime: 'simulator' };
const OPENAI = { name: 'openai', api: 'OpenAI', key: { config: 'k' }, models: [{ name: 'gpt-5' }] };

/** `path: message` of everything that is wrong. */
function problems(value: unknown): string[] {
  try {
    readSettings(value);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidSettings)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

const withImage = (rest: object) => problems({ image: IMAGE, ...rest });

describe('what is left out', () => {
  it('is filled in by the size', () => {
    const dev = readSettings({ image: IMAGE });
    expect(dev).toMatchObject({
      size: 'dev',
      topology: 'one-cluster',
      redis: { mode: 'none' },
      tierOne: { replicas: 1, autoscaling: { by: 'none' } },
    });
    const production = readSettings({ image: IMAGE, size: 'production', tierOne: { open: true } });
    expect(production.tierOne.autoscaling).toEqual({ by: 'hpa', min: 2, max: 20, cpuPercent: 60 });
    expect(production).toMatchObject({ redis: { mode: 'in-cluster' }, observability: { phoenix: { storage: '50Gi' } } });
  });

  it('any field may say otherwise', () => {
    const settings = readSettings({
      image: IMAGE,
      size: 'production',
      tierOne: { open: true, replicas: 3, resources: { cpu: '2' }, drain: '1m30s' },
      tierTwo: { autoscaling: { max: 4 } },
      redis: { mode: 'none' },
    });
    expect(settings.tierOne).toMatchObject({
      replicas: 3,
      autoscaling: { by: 'none' },
      resources: { cpu: '2', memory: '1Gi' },
      drainSeconds: 90,
    });
    expect(settings.tierTwo.autoscaling).toMatchObject({ min: 2, max: 4 });
    expect(settings.redis).toEqual({ mode: 'none' });
  });

  it('follows what is said: ports of TLS, the other cluster, where traces go', () => {
    const settings = readSettings({
      image: IMAGE,
      topology: 'two-clusters',
      clusters: { model: { context: 'models' } },
      tierOne: { exposure: { tls: { hostname: 'a.example.com' } } },
      observability: { jaeger: { endpoint: 'http://otlp.example.com:4318/' }, phoenix: { mode: 'in-cluster' } },
    });
    expect(settings.tierOne.exposure).toMatchObject({ port: 443, type: 'LoadBalancer', tls: { secret: 'gateway-tls' } });
    expect(settings.tierTwo.exposure.type).toBe('LoadBalancer');
    expect(settings.observability).toMatchObject({
      traces: 'phoenix',
      jaeger: { mode: 'external', endpoint: 'http://otlp.example.com:4318' },
    });
    expect(readSettings({ image: IMAGE }).tierTwo.exposure.type).toBe('ClusterIP');
  });

  it('nobody can change afterwards, and what was given stays as it was', () => {
    const given = { image: { ...IMAGE }, models: [{ ...MODEL }] };
    const settings = readSettings(given);
    expect(given).toEqual({ image: IMAGE, models: [MODEL] });
    expect(Object.isFrozen(settings.models[0]!.routes)).toBe(true);
  });
});

describe('mistakes of form', () => {
  it.each([undefined, null, 'dev', [], 7])('%j is no settings', (value) => {
    expect(problems(value)).toEqual([expect.stringContaining('have to be an object')]);
  });

  it.each<[object, string]>([
    [{ topolgy: 'one-cluster' }, 'topolgy: unknown field; did you mean "topology"?'],
    [{ size: 'smal' }, 'size: must be one of dev, small, production, not "smal"; did you mean "small"?'],
    [{ tierOne: { repicas: 2 } }, 'tierOne.repicas: unknown field; did you mean "replicas"?'],
    [{ tierOne: { replicas: 0 } }, 'tierOne.replicas: must be >= 1, not 0'],
    [{ tierOne: { resources: { cpu: 'lots' } } }, 'tierOne.resources.cpu: "lots" is no quantity of Kubernetes, such as 250m, 2 or 512Mi'],
    [{ tierTwo: { drain: '5 minutes' } }, 'tierTwo.drain: "5 minutes" is no duration'],
    [
      { tierTwo: { exposure: { type: 'Loadbalancer' } } },
      'tierTwo.exposure.type: must be one of LoadBalancer, ClusterIP, NodePort, not "Loadbalancer"; did you mean "LoadBalancer"?',
    ],
    [
      { providers: [{ name: 'x', api: 'OpenAi', models: [{ name: 'm' }] }] },
      'providers[0].api: must be one of OpenAI, Anthropic, AzureOpenAI, Cohere, not "OpenAi"; did you mean "OpenAI"?',
    ],
    [{ models: [{ name: 'm', namespace: 'n' }] }, 'models[0].runtime: is required'],
    [
      { redis: { image: 'redis:8' } },
      'redis.image: is not supported: this image is set with images.redis, as one reference with its tag or digest',
    ],
    ...(['prometheus', 'jaeger', 'phoenix'] as const).map((name): [object, string] => [
      { observability: { [name]: { image: { tag: '1' } } } },
      `observability.${name}.image: is not supported: this image is set with images.${name}, as one reference with its tag or digest`,
    ]),
    [{ models: [{ ...MODEL, name: 'Upper' }] }, 'models[0].name: "Upper" is no name (lower case letters, digits and "-", 40 at most)'],
    [{ networkPolicies: { clients: ['10.0.0.0'] } }, 'networkPolicies.clients[0]: "10.0.0.0" is no CIDR such as 10.0.0.0/8 or ::/0'],
    [
      { observability: { prometheus: { endpoint: 'prometheus:9090' } } },
      'observability.prometheus.endpoint: "prometheus:9090" is no URL that begins with http:// or https://',
    ],
  ])('%j', (value, problem) => {
    expect(withImage(value)).toEqual([problem]);
  });

  it('of an image', () => {
    expect(problems({})).toEqual(['image: is required']);
    expect(problems({ image: { name: 'a' } })).toEqual([expect.stringMatching(/^image: one of tag and digest/)]);
    expect(problems({ image: { name: 'a', tag: 'latest' } })).toEqual([expect.stringMatching(/^image\.tag: latest is another/)]);
    expect(problems({ image: { name: 'a:1', tag: '1' } })).toEqual([expect.stringMatching(/^image\.name: /)]);
    expect(problems({ image: { name: 'a', digest: 'sha256:12' } })).toEqual([expect.stringMatching(/^image\.digest: /)]);
    expect(problems({ image: { name: 'localhost:5000/a', tag: '1' } })).toEqual([]);
  });

  it('and of sense are told at one time', () => {
    const found = problems({
      image: { nme: 'x' },
      size: 'small',
      redis: { mod: 'none' },
      crds: ['http://example.com/crds.yaml'],
      models: [{ ...MODEL, namespace: 'tierkit-redis' }],
    });
    expect(found.map((problem) => problem.split(':')[0])).toEqual([
      'image.name',
      'image.nme',
      'redis.mod',
      'tierOne.clients',
      'crds[0]',
      'models[0].namespace',
    ]);
  });
});

it('what is not known yet is not held against the rest', () => {
  const given = { redis: { mode: 'in-clustr' }, tierOne: { limits: { mode: 'leases' } } };
  expect(withImage(given)).toEqual([expect.stringMatching(/^redis\.mode: must be one of/)]);
});

describe('a release of a model', () => {
  it('starts without requests', () => {
    const { models } = readSettings({ image: IMAGE, models: [{ ...MODEL, release: { version: 'v2' } }] });
    expect(models[0]!.release).toEqual({ version: 'v2', weight: 0 });
  });

  it.each<[object, RegExp]>([
    [{ version: 'v2', release: { version: 'v2' } }, /^models\[0\]\.release\.version: "v2" is what runs already/m],
    [{ release: { version: 'V2' } }, /^models\[0\]\.release\.version: /m],
    [{ release: { version: 'v2', weight: 101 } }, /^models\[0\]\.release\.weight: /m],
    [{ release: { version: 'v2', source: 'a/b' } }, /^models\[0\]\.release\.source: the simulator has no weights/m],
    [
      { runtime: 'kserve', source: 'hf://a/b', release: { version: 'v2', source: 'a/c', args: ['--x'] } },
      /^models\[0\]\.release\.source: "a\/c" is no URI/,
    ],
    [{ runtime: 'kserve', source: 'hf://a/b', release: { version: 'v2', args: ['--x'] } }, /^models\[0\]\.release\.args: KServe decides/m],
    [
      { loras: Array.from({ length: 64 }, (_, index) => `l${index}`), release: { version: 'v2' } },
      /^models\[0\]\.release: 64 names are the most/,
    ],
  ])('%#', (fields, message) => {
    expect(withImage({ models: [{ ...MODEL, ...fields }] }).join('\n')).toMatch(message);
  });

  it('has no names of others', () => {
    const models = [
      { ...MODEL, release: { version: 'v2' } },
      { ...MODEL, name: 'm-v2', model: 'other' },
    ];
    expect(withImage({ models })).toEqual(['models[0].release.version: its pool would be called team/m-v2, as that of models[1].name is']);
  });
});

describe('mistakes of sense', () => {
  it.each<[object, string | RegExp]>([
    [{ images: { redis: 'redis' } }, /^images\.redis: redis names no version/],
    [{ images: { redis: 'registry:5000/redis:latest' } }, /^images\.redis: .* names no version/],
    [{ clusters: { model: { context: 'm' } } }, /^clusters\.model: is for topology two-clusters/],
    [{ tierTwo: { address: 'a.example.com' } }, /^tierTwo\.address: is for topology two-clusters/],
    [{ topology: 'two-clusters' }, /^clusters\.model: has to be another cluster/],
    [
      { topology: 'two-clusters', clusters: { model: { context: 'm' } }, tierTwo: { exposure: { type: 'NodePort' } } },
      /^tierTwo\.address: is required, as tierTwo\.exposure\.type is NodePort/,
    ],
    [{ namespaces: { redis: 'tierkit-tier-one' } }, /^namespaces\.redis: tierkit-tier-one is also namespaces\.tierOne/],
    [{ size: 'small' }, /^tierOne\.clients: is required in size small/],
    [{ tierOne: { open: false } }, /^tierOne\.clients: is required/],
    [{ tierOne: { open: true, clients: [{ name: 'a' }] } }, /^tierOne\.open: cannot stand beside/],
    [{ tierOne: { clients: [{ name: 'a' }, { name: 'a' }] } }, 'tierOne.clients[1].name: a is also tierOne.clients[0]'],
    [{ tierOne: { clients: [{ name: 'a', key: { existing: 's' } }] } }, /^tierOne\.clients\[0\]\.key: keys of clients share one Secret/],
    [{ tierOne: { replicas: 2, autoscaling: { by: 'hpa' } } }, /^tierOne\.replicas: cannot stand beside autoscaling by hpa/],
    [{ tierOne: { autoscaling: { by: 'hpa', min: 9, max: 3 } } }, 'tierOne.autoscaling.min: 9 is more than max, which is 3'],
    [{ tierOne: { autoscaling: { max: 3 } } }, /^tierOne\.autoscaling\.by: is required/],
    [
      { tierTwo: { autoscaling: { by: 'keda', inFlight: { target: 1 } } }, observability: { prometheus: { mode: 'off' } } },
      /^tierTwo\.autoscaling\.inFlight: needs a Prometheus/,
    ],
    [
      { tierTwo: { autoscaling: { by: 'keda', inFlight: { target: 1, metric: 'm' } } } },
      /^tierTwo\.autoscaling\.inFlight\.metric: is for hpa/,
    ],
    [{ tierOne: { exposure: { tls: { hostname: 'a.b', caConfigMap: 'c' } } } }, /^tierOne\.exposure\.tls\.caConfigMap: is for tier two/],
    [{ tierOne: { limits: { mode: 'leases' } } }, /^tierOne\.limits\.mode: leases needs Redis/],
    [{ redis: { mode: 'external' } }, /^redis\.url: is required with mode external/],
    [{ redis: { mode: 'none', url: { config: 'u' } } }, /^redis\.url: is for mode external, not for none/],
    [{ redis: { mode: 'none', storage: '1Gi' } }, /^redis\.storage: is for mode in-cluster/],
    [{ redis: { url: {} } }, /^redis\.url: needs one of config, file, existing, external$/],
    [{ redis: { url: { config: 'a', file: 'b' } } }, /^redis\.url: needs one of .*, not config and file$/],
    [{ observability: { phoenix: { mode: 'external' } } }, /^observability\.phoenix\.endpoint: is required with mode external/],
    [{ observability: { jaeger: { mode: 'off', storage: '1Gi' } } }, /^observability\.jaeger\.storage: is for mode in-cluster/],
    [{ observability: { traces: 'phoenix' } }, /^observability\.traces: phoenix is off/],
    [{ observability: { traces: 'none', contents: true } }, /^observability\.contents: /],
    [{ networkPolicies: { clients: ['300.0.0.0/8'] } }, /^networkPolicies\.clients\[0\]: 300\.0\.0\.0\/8 has numbers/],
    [
      { networkPolicies: { providers: { cidrs: ['10.0.0.0/8'], except: ['11.0.0.0/16'] } } },
      /^networkPolicies\.providers\.except\[0\]: .* is in none of/,
    ],
    [{ crds: ['none'] }, /^crds\[0\]: is no path or URL/],
    [{ providers: [OPENAI, OPENAI] }, /^providers\[1\]\.name: "openai" is also in providers\[0\]/],
    [{ providers: [{ ...OPENAI, name: 'tier-two' }] }, /^providers\[0\]\.name: tier-two is what tier one calls tier two/],
    [{ providers: [{ ...OPENAI, tls: false }] }, /^providers\[0\]\.tls: a key must not go to api\.openai\.com in plain text/],
    [
      {
        providers: [
          {
            ...OPENAI,
            models: [
              { name: 'a', as: 'x' },
              { name: 'b', as: 'x' },
            ],
          },
        ],
      },
      /^providers\[0\]\.models\[1\]\.as: "x" is also/,
    ],
    [{ models: [MODEL, { ...MODEL, model: 'other' }] }, /^models\[1\]\.name: "team\/m" is also in models\[0\]/],
    [
      { models: [MODEL, { ...MODEL, name: 'n', loras: ['m'] }] },
      /^models\[1\]\.loras\[0\]: "m" is also models\[0\]\.model; tier two could not tell/,
    ],
    [{ models: [{ ...MODEL, namespace: 'tierkit-tier-two' }] }, /^models\[0\]\.namespace: .* is namespaces\.tierTwo/],
    [{ models: [{ ...MODEL, gpus: 1 }] }, /^models\[0\]\.gpus: the simulator has no weights/],
    [{ models: [{ ...MODEL, runtime: 'vllm' }] }, /^models\[0\]\.source: is required for vllm/],
    [{ models: [{ ...MODEL, runtime: 'vllm', source: 'a/b', speed: 2 }] }, /^models\[0\]\.speed: is for runtime simulator/],
    [{ models: [{ ...MODEL, runtime: 'kserve', source: 'a/b' }] }, /^models\[0\]\.source: "a\/b" is no URI/],
    [{ models: [{ ...MODEL, runtime: 'kserve', source: 'gs://a/b' }] }, /^models\[0\]\.source: "gs:\/\/a\/b" is no URI/],
    [{ models: [{ ...MODEL, runtime: 'kserve', source: 'hf://a/b', args: ['x'] }] }, /^models\[0\]\.args: KServe decides/],
  ])('%j', (value, problem) => {
    const [found, ...more] = withImage(value);
    expect(found).toMatch(problem);
    expect(more).toEqual([]);
  });

  it('of Azure, which has neither a host nor a version of its own', () => {
    expect(withImage({ providers: [{ ...OPENAI, api: 'AzureOpenAI' }] })).toEqual([
      expect.stringMatching(/^providers\[0\]\.hostname: is required/),
      expect.stringMatching(/^providers\[0\]\.version: is required/),
    ]);
  });

  it('no value of a secret can be given, so none can be told', () => {
    expect(withImage({ providers: [{ ...OPENAI, key: 'sk-abcdef' }] })).toEqual([
      expect.stringMatching(/^providers\[0\]\.key: must be object/),
    ]);
  });
});
