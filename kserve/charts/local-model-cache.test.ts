import { expect, it } from 'vitest';

import { localModelCache, type LocalModelCacheOptions } from './local-model-cache.ts';

const OPTIONS: LocalModelCacheOptions = { name: 'qwen', uri: 'hf://Qwen/Qwen4-8B', size: '16Gi', nodeGroups: ['gpus'] };

it.each<[string, Partial<LocalModelCacheOptions>, RegExp]>([
  ['a size without a number', { size: 'Gi' }, /^LocalModelCache qwen: spec\.modelSize: "Gi" is no quantity/],
  ['a size of nothing', { size: '0Gi' }, /spec\.modelSize/],
  ['a size in thousandths', { size: '16m' }, /spec\.modelSize/],
  ['no node group', { nodeGroups: [] }, /spec\.nodeGroups: is empty/],
  ['a node group twice', { nodeGroups: ['a', 'b', 'a'] }, /spec\.nodeGroups\[2\]: "a" is also nodeGroups\[0\]/],
  ['a node group without a name', { nodeGroups: ['a', ''] }, /spec\.nodeGroups\[1\]: ""/],
  ['what is in a volume already', { uri: 'pvc://weights/qwen' }, /spec\.sourceModelUri: pvc:\/\/ is none of hf:\/\/, s3:\/\//],
  ['a name that is none', { name: 'Qwen/4' }, /metadata\.name/],
])('refuses %s', (_, changes, message) => {
  expect(() => localModelCache({ ...OPTIONS, ...changes })).toThrow(message);
});

it('names no namespace, as it is of the whole cluster', () => {
  expect(localModelCache(OPTIONS).metadata).toEqual({ name: 'qwen' });
});
