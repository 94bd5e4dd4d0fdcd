import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from 'vitest';

import { secretData } from './kubernetes/secret-data.ts';
import type { Secret } from './kubernetes/secret.ts';
import { substitute } from './substitution.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-substitution-'));
afterAll(() => rmSync(folder, { recursive: true }));

function secretWith(annotations: Record<string, string>): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'default', labels: {}, annotations, creationTimestamp: undefined },
    body: { type: 'Opaque', stringData: { apiKey: 'placeholder', other: 'kept' } },
    source: { file: 'x.yaml', document: 1, line: 1 },
  };
}

function run(annotations: Record<string, string>, env: Record<string, string> = {}) {
  const problems: string[] = [];
  const original = secretWith(annotations);
  const { secret, folders } = substitute(original, env, (path, message) => void problems.push(`${path}: ${message}`));
  const entries = Object.fromEntries([...secretData(secret)].map(([key, value]) => [key, value.toString()]));
  return { problems, folders, entries, original };
}

test('an entry comes from the environment, the others stay, and the document itself is not changed', () => {
  const { problems, entries, original } = run({ 'substitution.aigw.run/env/apiKey': 'OPENAI_API_KEY' }, { OPENAI_API_KEY: 'sk-1' });
  expect(problems).toEqual([]);
  expect(entries).toEqual({ apiKey: 'sk-1', other: 'kept' });
  expect(original.body.stringData?.['apiKey']).toBe('placeholder');
});

test('an entry comes from a file, without its final line end, and its folder is to be watched', () => {
  const file = join(folder, 'key');
  writeFileSync(file, 'sk-2\n');
  const { problems, entries, folders } = run({ 'substitution.aigw.run/file/apiKey': file });
  expect(problems).toEqual([]);
  expect(entries['apiKey']).toBe('sk-2');
  expect(folders).toEqual([folder]);
});

test('what cannot be filled in is a problem, not a placeholder sent to a provider', () => {
  expect(run({ 'substitution.aigw.run/env/apiKey': 'MISSING' }).problems).toEqual([
    'metadata.annotations["substitution.aigw.run/env/apiKey"]: the environment variable MISSING is not set',
  ]);
  expect(run({ 'substitution.aigw.run/file/apiKey': join(folder, 'none') }).problems[0]).toContain('cannot be read (ENOENT)');
  expect(run({ 'substitution.aigw.run/vault/apiKey': 'x' }).problems[0]).toContain('is no substitution');
});
