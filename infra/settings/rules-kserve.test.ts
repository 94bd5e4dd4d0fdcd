import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  oneof,
  option,
  property,
  record,
  type Arbitrary,
} from 'fast-check';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { modelParts } from '../charts/models.ts';
import { InvalidSettings, readSettings } from '../settings.ts';

const IMAGE = { name: 'registry.example.com/tierkit', tag: '1' };
const MODEL = { namespace: 'team', name: 'm', runtime: 'kserve', source: 'hf://a/b' };

const read = (...models: object[]) => readSettings({ image: IMAGE, models });

function problems(...models: object[]): string[] {
  try {
    read(...models);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidSettings)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

/** What is wrong with the `kserve` of a model, without the path of the model. */
const kserveProblems = (kserve: object, more: object = {}) =>
  problems({ ...MODEL, picker: 'epp', ...more, kserve }).map((problem) => problem.replace('models[0].', ''));

const kserveOf = (kserve: object, more: object = {}) => {
  const [model] = read({ ...MODEL, picker: 'epp', ...more, kserve }).models;
  return { ...model!, ...model!.kserve! };
};

const HPA = { by: 'hpa', max: 4 };
const KEDA = { by: 'keda', max: 4 };

describe('what is left out', () => {
  it('is filled in: GPUs by parallelism, parallelism by GPUs', () => {
    expect(kserveOf({})).toMatchObject({ gpus: 1, parallelism: {}, tolerations: [], loras: [] });
    expect(kserveOf({}, { gpus: 8 }).parallelism).toEqual({ tensor: 8 });
    expect(kserveOf({ parallelism: { tensor: 4 } }).gpus).toBe(4);
    expect(kserveOf({ parallelism: { data: 16, dataLocal: 8 } })).toMatchObject({ gpus: 8, parallelism: { data: 16, dataLocal: 8 } });
    expect(kserveOf({ parallelism: { data: 8, dataLocal: 4 } }, { gpus: 8 }).parallelism).toEqual({ data: 8, dataLocal: 4, tensor: 2 });
    expect(kserveOf({ parallelism: { tensor: 4 } }, { gpus: 0 })).toMatchObject({ gpus: 0, parallelism: { tensor: 4 } });
  });

  it('is as the model has it: workers, and prefill', () => {
    const placed = { nodeSelector: { gpu: 'h200' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] };
    const { workers, prefill } = kserveOf(
      { ...placed, parallelism: { pipeline: 2 }, workers: { resources: { cpu: '8' } }, prefill: { parallelism: { pipeline: 2 } } },
      { gpus: 8, resources: { memory: '64Gi' } },
    );
    expect(workers).toEqual({ resources: { cpu: '8', memory: '64Gi' }, gpus: 8 });
    const pods = { resources: { cpu: '4', memory: '64Gi' }, gpus: 8 };
    expect(prefill).toEqual({ replicas: 1, ...pods, workers: pods, parallelism: { pipeline: 2, tensor: 8 }, ...placed });
    expect(kserveOf({ prefill: { parallelism: { tensor: 2 } } }, { gpus: 0 }).prefill?.gpus).toBe(0);
  });

  it('scales from one replica, by fields of its own', () => {
    expect(kserveOf({ scaling: HPA }).scaling).toEqual({ by: 'hpa', min: 1, max: 4 });
    expect(kserveOf({ scaling: { ...KEDA, min: 2, idleReplicas: 1, variantCost: 4.5 } }).scaling).toEqual({
      by: 'keda',
      min: 2,
      max: 4,
      idleReplicas: 1,
      variantCost: 4.5,
    });
  });

  it('names of adapters are names that apps may call', () => {
    expect(kserveOf({ lora: { adapters: [{ name: 'sql', uri: 'hf://a/sql' }] } }).loras).toEqual(['sql']);
  });

  it('is there for KServe alone', () => {
    expect(read({ ...MODEL }).models[0]?.kserve).toEqual({ parallelism: {}, tolerations: [] });
    expect(read({ ...MODEL, runtime: 'vllm' }).models[0]).not.toHaveProperty('kserve');
  });
});

describe('what is wrong is told', () => {
  it.each<[object, string | RegExp]>([
    [{ runtime: 'vllm', source: 'a/b', kserve: {} }, 'models[0].kserve: is for runtime kserve, not for vllm'],
    [{ runtime: 'simulator', source: undefined, kserve: { scaling: HPA } }, 'models[0].kserve: is for runtime kserve, not for simulator'],
    [{ kserve: { scalling: HPA } }, 'models[0].kserve.scalling: unknown field; did you mean "scaling"?'],
    [{ kserve: { scaling: { max: 2 } } }, 'models[0].kserve.scaling.by: is required'],
    [{ loras: ['x'] }, /^models\[0\]\.loras: .* kserve\.lora\.adapters$/],
    [{ kserve: { prefill: {} } }, /^models\[0\]\.picker: has to be epp with kserve\.prefill/],
    [{ replicas: 2, kserve: { scaling: HPA } }, /^models\[0\]\.replicas: cannot stand beside kserve\.scaling/],
    [{ release: { version: 'v2', replicas: 2 }, kserve: { scaling: HPA } }, /^models\[0\]\.release\.replicas: cannot stand beside/],
  ])('%j', (given, expected) => {
    const [found, ...more] = problems({ ...MODEL, ...given });
    expect(found).toMatch(expected);
    expect(more).toEqual([]);
  });

  it.each<[object, string]>([
    [{ scaling: { ...HPA, pollingSeconds: 5 } }, 'kserve.scaling.pollingSeconds: is for keda, not for hpa'],
    [{ scaling: { ...KEDA, scaleUpSeconds: 5 } }, 'kserve.scaling.scaleUpSeconds: is for hpa, not for keda'],
    [{ scaling: { ...HPA, min: 5 } }, 'kserve.scaling.min: 5 is more than max, 4'],
    [{ scaling: { ...HPA, min: 0 } }, 'kserve.scaling.min: this CRD does not autoscale to zero; put a model to rest by replicas: 0'],
    [
      { scaling: { ...KEDA, idleReplicas: 0 } },
      'kserve.scaling.idleReplicas: this CRD does not autoscale to zero; put a model to rest by replicas: 0',
    ],
    [{ scaling: { ...KEDA, idleReplicas: 1 } }, 'kserve.scaling.idleReplicas: 1 is not less than min, 1'],
    [{ scaling: { ...HPA, variantCost: 1e-7 } }, 'kserve.scaling.variantCost: 1e-7 is no decimal number of at least 0'],
    [
      { scaling: HPA, prefill: { scaling: KEDA } },
      'kserve.prefill.scaling.by: decode scales by hpa and prefill by keda; KServe takes one for both',
    ],
    [
      { prefill: { replicas: 1, scaling: HPA } },
      'kserve.prefill.replicas: cannot stand beside kserve.prefill.scaling, which decides it; use its min and max, or take it out',
    ],
    [{ prefill: { scaling: { ...HPA, min: 5 } } }, 'kserve.prefill.scaling.min: 5 is more than max, 4'],
    [{ parallelism: { pipeline: 2, data: 2, dataLocal: 1 } }, 'kserve.parallelism: has pipeline and data; KServe runs one of both'],
    [
      { prefill: { parallelism: { data: 10, dataLocal: 4 } } },
      'kserve.prefill.parallelism.data: 10 is no multiple of dataLocal, 4: the last node would have fewer than the others',
    ],
    [
      { workers: {} },
      'kserve.workers: more nodes than one need parallelism.pipeline or parallelism.data: nothing says what the workers do',
    ],
    [{ parallelism: { tensor: 4, pipeline: 2 }, workers: { gpus: 2 } }, 'kserve.workers: the pod has 2 GPUs, and tensor × dataLocal is 4'],
    [
      { prefill: { parallelism: { tensor: 4, pipeline: 2 }, gpus: 2 } },
      'kserve.prefill.gpus: the pod has 2 GPUs, and tensor × dataLocal is 4',
    ],
    [{ tolerations: [{ value: 'a' }], prefill: {} }, 'kserve.tolerations[0].key: is required, but for operator Exists'],
    [
      { prefill: { tolerations: [{ operator: 'Exists', value: 'a' }], parallelism: { pipeline: 2 } } },
      'kserve.prefill.tolerations[0].value: is not looked at by operator Exists',
    ],
    [{ lora: { adapters: [{ name: '..', uri: 'hf://a/b' }] } }, 'kserve.lora.adapters[0].name: ".." is no name'],
    [
      { lora: { adapters: [{ name: 'm', uri: 'hf://a/b' }] } },
      'kserve.lora.adapters[0].name: "m" is the model itself; requests could not tell them apart',
    ],
    [
      { lora: { adapters: [{ name: 'a', uri: 'gs://a/b' }] } },
      'kserve.lora.adapters[0].uri: gs:// is none of hf://, pvc://, s3://, oci://',
    ],
    [
      { lora: { adapters: [{ name: 'a', uri: 'hf://a/b' }], maxAdapters: 4, maxCpuAdapters: 2 } },
      'kserve.lora.maxCpuAdapters: 2 is less than maxAdapters, 4',
    ],
    [{ cache: { size: '0', nodeGroups: ['a'] } }, 'kserve.cache.size: "0" is no quantity above 0 such as 16Gi'],
    [{ cache: { size: '1Gi', nodeGroups: ['a', 'a'] } }, 'kserve.cache.nodeGroups[1]: "a" is also nodeGroups[0]'],
  ])('%j', (kserve, problem) => {
    expect(kserveProblems(kserve)).toEqual([problem]);
  });

  it('all of it at one time, and a source once', () => {
    const kserve = {
      scaling: { ...HPA, min: 9, pollingSeconds: 1 },
      prefill: { parallelism: { tensor: 4 }, gpus: 1, scaling: KEDA },
      cache: { size: '0', nodeGroups: ['a'] },
    };
    const found = problems({ ...MODEL, source: 'a/b', replicas: 1, kserve }).map((problem) => problem.split(':')[0]);
    expect(found).toEqual(
      [
        'source',
        'replicas',
        'kserve.scaling.pollingSeconds',
        'picker',
        'kserve.prefill.scaling.by',
        'kserve.scaling.min',
        'kserve.prefill.gpus',
      ].map((path) => `models[0].${path}`),
    );
  });

  it('of GPUs where they are said, not where they are taken over', () => {
    expect(kserveProblems({ parallelism: { tensor: 4, pipeline: 2 } }, { gpus: 2 })).toEqual([
      'gpus: the pod has 2 GPUs, and tensor × dataLocal is 4',
    ]);
  });

  it('of a cache that has nothing to keep, or that another model has already', () => {
    const cache = { size: '1Gi', nodeGroups: ['a'] };
    expect(kserveProblems({ cache }, { source: 'pvc://a/b' })).toEqual([
      'kserve.cache: cannot keep pvc://a/b: pvc:// is none of hf://, s3://',
    ]);
    expect(problems({ ...MODEL, kserve: { cache } }, { ...MODEL, name: 'n', kserve: { cache } })).toEqual([
      'models[1].kserve.cache: "hf://a/b" is also in models[0]; it may occur once',
    ]);
  });

  it('of adapters that are called as another model is', () => {
    const lora = { adapters: [{ name: 'm', uri: 'hf://a/b' }] };
    expect(problems(MODEL, { ...MODEL, name: 'n', kserve: { lora } })).toEqual([
      'models[1].kserve.lora.adapters[0].name: "m" is also models[0].model; tier two could not tell the pools apart',
    ]);
  });
});

const few = (most: number) => integer({ min: 1, max: most });
const some = <T>(arbitrary: Arbitrary<T>) => option(arbitrary, { nil: undefined, freq: 1 });
const scaling = record(
  {
    by: constantFrom('hpa', 'keda'),
    min: few(3),
    max: few(3),
    idleReplicas: few(2),
    scaleUpSeconds: few(9),
    variantCost: double({ min: 0, max: 100, noNaN: true }),
  },
  { requiredKeys: ['by', 'max'] },
);
const parallelism = oneof(
  record({ tensor: few(4), pipeline: few(3) }, { requiredKeys: [] }),
  record({ tensor: few(2), data: few(8), dataLocal: few(4), expert: boolean() }, { requiredKeys: ['tensor'] }),
);
const pods = record({ gpus: few(8) }, { requiredKeys: [] });
const tolerations = array(
  record({ key: constant('a'), operator: constantFrom('Equal', 'Exists'), value: constant('b') }, { requiredKeys: [] }),
  { maxLength: 2 },
);
const workload = { scaling: some(scaling), parallelism: some(parallelism), workers: some(pods), tolerations: some(tolerations) };
const name = constantFrom('m', 'a', 'b', 'c', '..');
const uri = constantFrom('hf://a/b', 's3://a/b', 'hf://a/c', 'gs://a/b', 'x');
const kserve = record({
  ...workload,
  prefill: some(record({ ...workload, replicas: some(few(2)), gpus: some(few(8)) })),
  lora: some(record({ adapters: array(record({ name, uri }), { minLength: 1, maxLength: 3 }), maxCpuAdapters: some(few(2)) })),
  cache: some(record({ size: constantFrom('0', '5m', '1Gi'), nodeGroups: array(constantFrom('a', 'b'), { minLength: 1 }) })),
});
const model = record({
  gpus: some(few(8)),
  replicas: some(few(2)),
  picker: constantFrom('epp', 'epp', 'built-in'),
  source: uri,
  kserve,
});

it('the example of docs/platform.md is right', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/platform.md'), 'utf8');
  const [, yaml = ''] = /```yaml\n(models:\n.*?)```/s.exec(text) ?? [];
  const { models } = load(yaml) as { readonly models: readonly object[] };
  expect(problems(...models)).toEqual([]);
  expect(read(...models).models).toMatchObject([{ gpus: 8, kserve: { workers: { gpus: 8 }, prefill: { gpus: 4 } } }]);
});

it('what is not told of can be rendered', () => {
  let rendered = 0;
  assert(
    property(model, (given) => {
      // As from YAML, which has no undefined.
      const value = JSON.parse(JSON.stringify({ ...MODEL, ...given })) as object;
      if (problems(value).length > 0) return;
      rendered += 1;
      modelParts(read(value));
    }),
    { numRuns: 500 },
  );
  expect(rendered).toBeGreaterThan(20);
});
