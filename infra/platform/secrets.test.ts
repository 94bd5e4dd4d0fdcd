import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import type { Part, SecretNeed, SecretSource } from '../charts/part.ts';
import { completed } from './generated.ts';
import { secretOf, secretProblems } from './secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-secrets-'));
writeFileSync(join(folder, 'key'), 'sk-of-file\n\n');
writeFileSync(join(folder, 'empty'), '\n');
const generated = completed({ pairs: {}, texts: {} }, { pairs: new Set(), texts: new Set(['redis']) }, 0);
const places = { read: (key: string) => (key === 'openaiKey' ? 'sk-1' : undefined), generated, folder };

const need = (values: Record<string, SecretSource>, rest: Partial<SecretNeed> = {}): SecretNeed => ({
  namespace: 'n',
  name: 's',
  labels: { app: 'x' },
  values,
  ...rest,
});
const part = (...secrets: SecretNeed[]): Part => ({
  name: 'p',
  cluster: 'gateway',
  needs: [],
  manifests: [],
  secrets,
  late: [],
  awaited: [],
});
const refuse = (path: string, message: string) => {
  throw new Error(`${path}: ${message}`);
};

test('values come from the configuration, a file, and what was generated', () => {
  const secret = secretOf(
    need({
      config: { from: 'config', key: 'openaiKey', path: 'a' },
      file: { from: 'file', file: 'key', path: 'b' },
      password: { from: 'generated', name: 'redis' },
      // Two dollars would be one for a replacement that is a text.
      url: { from: 'template', text: 'redis://:${redis}@redis:6379/$$', names: ['redis'] },
    }),
    places,
    refuse,
  )!;
  const data = Object.entries(secret['data'] as Record<string, string>).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString(),
  ]);
  const password = generated.texts['redis'];
  expect(Object.fromEntries(data)).toEqual({ config: 'sk-1', file: 'sk-of-file', password, url: `redis://:${password}@redis:6379/$$` });
  expect(secret).toMatchObject({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'n', labels: { app: 'x' } } });
});

test('what others make is not made', () => {
  expect(secretOf(need({ token: { from: 'existing' } }, { existing: true }), places, refuse)).toBeUndefined();
});

test('everything that has no value is told once, and never a value', () => {
  const missing = need({
    a: { from: 'config', key: 'anthropicKey', path: 'providers[1].key' },
    b: { from: 'file', file: 'none', path: 'providers[2].key' },
    c: { from: 'file', file: 'empty', path: 'providers[3].key' },
    d: { from: 'private-key', pair: 'tier-one' },
    e: { from: 'public-keys', pairs: ['tier-one', 'tier-two'] },
  });
  expect(secretProblems([part(missing), part(missing)], places).map(({ path, message }) => `${path}: ${message}`)).toEqual([
    `providers[1].key: the stack's configuration has no "anthropicKey": pulumi config set --secret anthropicKey`,
    `providers[2].key: ${join(folder, 'none')} cannot be read (ENOENT)`,
    `providers[3].key: ${join(folder, 'empty')} is empty`,
    'tier-one: this key pair was not generated yet: npm run platform:keys',
    'tier-two: this key pair was not generated yet: npm run platform:keys',
  ]);
});
