import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { publicJwk, signingKey } from '#core/tiers/jws';

/** What the folder's name begins with. */
export const KEYS_PREFIX = 'tierkit-up-';
/** Tells the processes of a platform which folder goes with it. */
export const KEYS_VARIABLE = 'TIERKIT_UP_KEYS';

/** Files that a tier is started with. */
export interface KeyFiles {
  /** Its own private key: Ed25519, PKCS #8, PEM. */
  readonly signingKey: string;
  /** The other tier's public keys: a JWK set. */
  readonly peerKeys: string;
}

export interface Keys {
  readonly folder: string;
  readonly tierOne: KeyFiles;
  readonly tierTwo: KeyFiles;
  remove(): void;
}

/** Makes the keys by which the tiers trust each other, in a temporary folder that only this user can read. They live as long as the platform. */
export function makeKeys(parent = tmpdir()): Keys {
  const folder = mkdtempSync(join(parent, KEYS_PREFIX));
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    return file;
  };
  // The tiers take the name of a private key's file for the key's id.
  const pair = (name: string) => {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const jwks = JSON.stringify({ keys: [publicJwk(signingKey(name, pem))] });
    return { privateKey: write(`${name}.pem`, pem), publicKeys: write(`${name}.jwks.json`, jwks) };
  };
  const one = pair('tier-one');
  const two = pair('tier-two');
  return {
    folder,
    tierOne: { signingKey: one.privateKey, peerKeys: two.publicKeys },
    tierTwo: { signingKey: two.privateKey, peerKeys: one.publicKeys },
    // A process that is being killed may write to it still.
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
