import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { TierKeys } from './keys.ts';

it.each([
  ['the name of its file', '', 'tier-one'],
  ['what a line before the PEM says, so that keys of one file can be told apart', 'kid: tier-one-2\n', 'tier-one-2'],
])('a signing key has %s as its id', (_name, line, id) => {
  const file = join(mkdtempSync(join(tmpdir(), 'keys-')), 'tier-one.pem');
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(file, line + privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const keys = new TierKeys({ signingKey: file, peerKeys: undefined }, () => undefined);
  expect(keys.signing?.kid).toBe(id);
  keys.close();
});
