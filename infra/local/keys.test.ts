import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { signText, verifyText } from '#core/tiers/jws';
import { TierKeys } from '#core/tiers/keys';

import { makeKeys } from './keys.ts';

test('each tier can verify what the other one signs, and not what it signs itself; only this user can read the keys', () => {
  const keys = makeKeys();
  // As the tiers read them.
  const one = new TierKeys(keys.tierOne, () => undefined);
  const two = new TierKeys(keys.tierTwo, () => undefined);
  try {
    expect(verifyText('t', signText('t', { from: 1 }, one.signing!), two.peers!)).toEqual({ from: 1 });
    expect(verifyText('t', signText('t', { from: 2 }, two.signing!), one.peers!)).toEqual({ from: 2 });
    expect(() => verifyText('t', signText('t', {}, one.signing!), one.peers!)).toThrow('not known');
    const files = readdirSync(keys.folder).map((file) => join(keys.folder, file));
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual(files.map(() => 0o600));
    expect(statSync(keys.folder).mode & 0o777).toBe(0o700);
  } finally {
    one.close();
    two.close();
    keys.remove();
  }
  expect(existsSync(keys.folder)).toBe(false);
});
