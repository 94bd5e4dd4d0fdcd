import { describe, expect, it } from 'vitest';

import { llmInferenceService, type LLMInferenceServiceOptions, llmInferenceServiceProblems } from './llm-inference-service.ts';
import type { Scaling } from './scaling.ts';

const OPTIONS: LLMInferenceServiceOptions = { namespace: 'models', name: 'qwen', model: { uri: 'hf://Qwen/Qwen4-8B', name: 'qwen-4' } };
const HPA = { maxReplicas: 4, hpa: {} };

const built = (changes: Partial<LLMInferenceServiceOptions>) => llmInferenceService({ ...OPTIONS, ...changes });
const refusal = (changes: Partial<LLMInferenceServiceOptions>) => () => built(changes);

describe('what the CEL rules of the CRD forbid', () => {
  it.each<[string, Partial<LLMInferenceServiceOptions>, RegExp]>([
    ['replicas with scaling', { replicas: 1, scaling: HPA }, /spec\.replicas: scaling decides/],
    [
      'replicas with scaling of prefill',
      { router: { scheduler: 'kserve' }, prefill: { replicas: 0, scaling: HPA } },
      /spec\.prefill\.replicas: scaling decides/,
    ],
    ['scaling that nothing brings about', { scaling: { maxReplicas: 2 } }, /spec\.scaling\.wva: hpa or keda/],
    ['both actuators', { scaling: { ...HPA, keda: {} } }, /spec\.scaling\.wva: has hpa and keda/],
    ['more at least than at most', { scaling: { ...HPA, minReplicas: 5 } }, /spec\.scaling\.minReplicas: 5 is more than maxReplicas, 4/],
    ['idle replicas without minReplicas', { scaling: keda(1) }, /wva\.keda\.idleReplicaCount: needs minReplicas/],
    ['idle replicas as many as at least', { scaling: keda(2, 2) }, /wva\.keda\.idleReplicaCount: 2 is not less than minReplicas, 2/],
  ])('%s', (_, changes, message) => {
    expect(refusal(changes)).toThrow(message);
  });
});

describe('what its schema forbids', () => {
  it.each<[string, Partial<LLMInferenceServiceOptions>, RegExp]>([
    ['fewer than no replicas', { replicas: -1 }, /spec\.replicas: -1 is no whole number of at least 0/],
    ['half a replica', { replicas: 1.5 }, /spec\.replicas: 1\.5 is no whole/],
    ['more replicas than an int32', { replicas: 2 ** 31 }, /spec\.replicas: 2147483648/],
    ['scaling to zero', { scaling: { ...HPA, minReplicas: 0 } }, /spec\.scaling\.minReplicas: .* not autoscale to zero.*replicas: 0/],
    ['idle zero', { scaling: keda(0, 1) }, /idleReplicaCount: .* not autoscale to zero/],
    ['no replica at most', { scaling: { maxReplicas: 0, hpa: {} } }, /spec\.scaling\.maxReplicas: 0/],
    ['a cost in words', { scaling: { ...HPA, variantCost: 1e21 } }, /wva\.variantCost: 1e\+21/],
    ['a cost below nothing', { scaling: { ...HPA, variantCost: -1 } }, /wva\.variantCost: -1/],
    ['no polling', { scaling: { maxReplicas: 2, keda: { pollingSeconds: 0 } } }, /keda\.pollingInterval: 0/],
    ['cooling down before', { scaling: { maxReplicas: 2, keda: { cooldownSeconds: -1 } } }, /keda\.cooldownPeriod: -1/],
    ['a wait of hours', { scaling: { maxReplicas: 2, hpa: { scaleDownSeconds: 3601 } } }, /scaleDown\.stabilizationWindowSeconds: 3601/],
    ['tensor 0', { parallelism: { tensor: 0 } }, /spec\.parallelism\.tensor: 0/],
    ['a port of five nines', nodes({ data: 4, dataLocal: 2, dataRPCPort: 99_999 }), /dataRPCPort: 99999 is no .* from 1 to 65535/],
    ['no adapter at most', lora({ maxAdapters: 0 }), /spec\.model\.lora\.maxAdapters: 0/],
    [
      'a namespace of a gateway',
      { router: { gateways: [{ name: 'a', namespace: 'A' }] } },
      /spec\.router\.gateway\.refs\[0\]\.namespace: "A"/,
    ],
  ])('%s', (_, changes, message) => {
    expect(refusal(changes)).toThrow(message);
  });
});

describe('what the webhook forbids', () => {
  const prefill = { scaling: { maxReplicas: 2, keda: {} } };

  it.each<[string, Partial<LLMInferenceServiceOptions>, RegExp]>([
    ['workers without parallelism', { worker: {} }, /spec\.worker: more nodes than one need parallelism/],
    ['workers for tensor alone', nodes({ tensor: 2 }), /spec\.worker: /],
    ['pipeline and data', nodes({ pipeline: 2, data: 2, dataLocal: 1 }), /spec\.parallelism: has pipeline and data/],
    ['pipeline and dataLocal', nodes({ pipeline: 2, dataLocal: 1 }), /spec\.parallelism: has pipeline and data/],
    ['data without dataLocal', nodes({ data: 2 }), /spec\.parallelism\.dataLocal: is required with data/],
    ['dataLocal without data', nodes({ dataLocal: 2 }), /spec\.parallelism\.data: is required with dataLocal/],
    [
      'two actuators',
      { scaling: HPA, router: { scheduler: 'kserve' }, prefill },
      /prefill\.scaling\.wva: decode .* hpa and prefill by keda/,
    ],
    ['an adapter without a name', adapters(['']), /adapters\[0\]\.name: "" is no name/],
    ['an adapter that is a folder', adapters(['a', '..']), /adapters\[1\]\.name: "\.\." is no name/],
    ['adapters of one name', adapters(['a', 'b', 'a']), /adapters\[2\]\.name: "a" is also adapters\[0\]/],
    ['an adapter called as the model', adapters(['qwen-4']), /adapters\[0\]\.name: "qwen-4" is the model itself/],
  ])('%s', (_, changes, message) => {
    expect(refusal(changes)).toThrow(message);
  });
});

describe('what would never run', () => {
  it.each<[string, Partial<LLMInferenceServiceOptions>, RegExp]>([
    ['data that nodes cannot share', nodes({ data: 10, dataLocal: 4 }), /spec\.parallelism\.data: 10 is no multiple of dataLocal, 4/],
    ['a pipeline on one node', { parallelism: { pipeline: 2 } }, /spec\.parallelism\.pipeline: a replica has 2 nodes, and spec\.worker/],
    ['data of several nodes on one', { parallelism: { data: 4, dataLocal: 2 } }, /spec\.parallelism\.data: a replica has 2 nodes/],
    [
      'prefill with a pipeline on one node',
      { router: { scheduler: 'kserve' }, prefill: { parallelism: { pipeline: 4 } } },
      /spec\.prefill\.parallelism\.pipeline: a replica has 4 nodes, and spec\.prefill\.worker/,
    ],
    ['prefill that nobody asks', { prefill: {} }, /spec\.prefill: nobody would send it prompts/],
    ['prefill behind a gateway alone', { router: { gateways: [{ name: 'a', namespace: 'b' }] }, prefill: {} }, /spec\.prefill: nobody/],
    ['experts and nothing to deal them to', { parallelism: { expert: true } }, /spec\.parallelism\.expert: has nothing/],
    ['a port of data without data', { parallelism: { dataRPCPort: 5555 } }, /dataRPCPort: is for data parallelism/],
    ['fewer GPUs than tensor', { parallelism: { tensor: 4 }, pod: { gpus: 2 } }, /spec\.template: the pod has 2 GPUs.* is 4/],
    [
      'fewer GPUs of workers',
      { parallelism: { tensor: 2, data: 8, dataLocal: 4 }, pod: { gpus: 8 }, worker: { gpus: 4 } },
      /spec\.worker: the pod has 4 GPUs.* is 8/,
    ],
    [
      'fewer adapters in memory than in a batch',
      lora({ maxAdapters: 4, maxCpuAdapters: 2 }),
      /maxCpuAdapters: 2 is less than maxAdapters, 4/,
    ],
    ['weights of nowhere', { model: { uri: 'Qwen/Qwen4-8B', name: 'a' } }, /spec\.model\.uri: "Qwen\/Qwen4-8B" is no URI/],
    ['weights of a misspelt place', { model: { uri: 'pcv://weights', name: 'a' } }, /pcv:\/\/ is none of .*did you mean "pvc"/],
    ['adapters of elsewhere', lora({ adapters: [{ name: 'a', uri: 'gs://a/b' }] }), /adapters\[0\]\.uri: gs:\/\/ is none of/],
    ['a model without a name', { model: { uri: 'hf://a/b', name: '' } }, /spec\.model\.name: is empty/],
    ['a token for all to read', { pod: { env: { HF_TOKEN: 'x' } } }, /HF_TOKEN would be read .* tokenSecret/],
    ['root where root is refused', { pod: { user: 0 } }, /spec\.template\.securityContext\.runAsUser: 0 is root/],
    ['a toleration of nothing', { pod: { tolerations: [{ value: 'a' }] } }, /tolerations\[0\]\.key: is required/],
    ['a toleration of two minds', { pod: { tolerations: [{ operator: 'Exists', value: 'a' }] } }, /tolerations\[0\]\.value/],
    [
      'seconds of a toleration that ends nothing',
      { pod: { tolerations: [{ key: 'a', effect: 'NoSchedule', tolerationSeconds: 1 }] } },
      /tolerations\[0\]\.tolerationSeconds: is for effect NoExecute/,
    ],
    ['a name with a dot', { name: 'qwen.4' }, /metadata\.name: "qwen\.4"/],
    ['a name too long for a label', { name: 'a'.repeat(64) }, /metadata\.name: /],
    ['a gateway that ends in a dot', { router: { gateways: [{ name: 'a.', namespace: 'c' }] } }, /gateway\.refs\[0\]\.name: "a\."/],
    ['a pool without a name', { router: { scheduler: { pool: '' } } }, /spec\.router\.scheduler\.pool\.ref\.name: ""/],
  ])('%s', (_, changes, message) => {
    expect(refusal(changes)).toThrow(message);
  });

  it('says which object it is, and keeps the path', () => {
    expect(refusal({ replicas: -1 })).toThrow(
      expect.objectContaining({
        name: 'ChartError',
        path: 'spec.replicas',
        message: 'LLMInferenceService models/qwen: spec.replicas: -1 is no whole number of at least 0',
      }),
    );
  });
});

describe('everything that is wrong', () => {
  it('is told at one time, each path once', () => {
    const options: LLMInferenceServiceOptions = {
      ...OPTIONS,
      replicas: 1,
      scaling: keda(0, 0),
      parallelism: { tensor: 4 },
      pod: { gpus: 2 },
      prefill: { parallelism: { data: 10, dataLocal: 4 }, worker: { gpus: 1 } },
    };
    expect(llmInferenceServiceProblems(options).map(({ path }) => path)).toEqual([
      'spec.prefill',
      'spec.replicas',
      'spec.template',
      'spec.scaling.minReplicas',
      'spec.scaling.wva.keda.idleReplicaCount',
      'spec.prefill.parallelism.data',
      'spec.prefill.worker',
    ]);
    expect(llmInferenceServiceProblems(OPTIONS)).toEqual([]);
  });
});

describe('what is right at the edge', () => {
  it.each<[string, Partial<LLMInferenceServiceOptions>]>([
    ['as many at least as at most', { scaling: { ...HPA, minReplicas: 4 } }],
    ['data of one node, with the preset of several', nodes({ data: 8, dataLocal: 8 })],
    ['data of one node', { parallelism: { data: 2, dataLocal: 2 } }],
    ['a pipeline of one', { parallelism: { pipeline: 1 } }],
    ['tensor on CPUs', { parallelism: { tensor: 4 } }],
    ['a gateway with a dot', { router: { gateways: [{ name: 'a.b', namespace: 'c' }] } }],
    ['root by the preset', { security: 'preset', pod: { user: 0 } }],
    ['one adapter in memory, one in a batch', lora({ maxCpuAdapters: 1 })],
  ])('%s', (_, changes) => {
    expect(refusal(changes)).not.toThrow();
  });
});

describe('security', () => {
  const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true };

  it('is restricted for every pod unless it is left to the preset', () => {
    const { spec } = built({
      router: { scheduler: 'kserve' },
      ...nodes({ pipeline: 2 }),
      prefill: nodes({ pipeline: 2 }),
    });
    for (const pod of [spec.template, spec.worker, spec.prefill?.template, spec.prefill?.worker]) {
      expect(pod?.['securityContext']).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(pod?.containers[0]['securityContext']).toEqual(RESTRICTED);
    }
    expect(built({ security: 'preset' }).spec.template).toEqual({ containers: [{ name: 'main' }] });
  });

  it('gives the token to every pod, and only by name', () => {
    const { spec } = built({
      model: { ...OPTIONS.model, tokenSecret: 'hf' },
      router: { scheduler: 'kserve' },
      ...nodes({ pipeline: 2 }),
      prefill: {},
    });
    for (const pod of [spec.template, spec.worker, spec.prefill?.template])
      expect(pod?.containers[0]['env']).toEqual([{ name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hf', key: 'token' } } }]);
    expect(spec.model).toEqual(OPTIONS.model);
  });
});

function nodes(parallelism: object): Pick<LLMInferenceServiceOptions, 'parallelism' | 'pod' | 'worker'> {
  return { parallelism, pod: {}, worker: {} };
}

function keda(idleReplicas: number, minReplicas?: number): Scaling {
  return { maxReplicas: 4, keda: { idleReplicas }, ...(minReplicas === undefined ? {} : { minReplicas }) };
}

function lora(changes: object): Partial<LLMInferenceServiceOptions> {
  return { model: { ...OPTIONS.model, lora: { adapters: [], ...changes } } };
}

function adapters(names: readonly string[]): Partial<LLMInferenceServiceOptions> {
  return lora({ adapters: names.map((name) => ({ name, uri: 'hf://a/b' })) });
}
