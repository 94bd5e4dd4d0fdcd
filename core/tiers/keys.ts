import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { FolderWatch } from '../resources/watch.ts';
import { InvalidSignature, type SigningKey, signingKey, type VerificationKeys, verificationKeys } from './jws.ts';

/** Files with the keys of one tier. */
export interface TierKeyFiles {
  /** Ed25519 private key in PEM; the name of the file, without `.pem`, is the key's `kid`. */
  readonly signingKey: string | undefined;
  /** JWK set with the other tier's public keys: the old and the new one while they rotate. */
  readonly peerKeys: string | undefined;
}

/** A file that cannot be read as a key. */
export class InvalidKeyFile extends Error {
  override readonly name = 'InvalidKeyFile';
}

/** The keys that a tier signs and verifies with. A file that changes is read again; one that is bad then changes nothing. */
export class TierKeys {
  #signing: SigningKey | undefined;
  #peers: VerificationKeys | undefined;
  readonly #files: TierKeyFiles;
  readonly #watch: FolderWatch;
  readonly #warn: (message: string) => void;

  /** @throws InvalidKeyFile */
  constructor(files: TierKeyFiles, warn: (message: string) => void) {
    this.#files = files;
    this.#warn = warn;
    this.#read();
    this.#watch = new FolderWatch(
      () => this.reload(),
      (folder) => warn(`changes of ${folder} are not noticed; send SIGHUP after one`),
    );
    this.#watch.update([files.signingKey, files.peerKeys].flatMap((file) => (file === undefined ? [] : dirname(file))));
  }

  get signing(): SigningKey | undefined {
    return this.#signing;
  }

  get peers(): VerificationKeys | undefined {
    return this.#peers;
  }

  reload(): void {
    try {
      this.#read();
    } catch (error) {
      this.#warn(`${(error as Error).message}; the keys that were read before stay in use`);
    }
  }

  close(): void {
    this.#watch.close();
  }

  #read(): void {
    const { signingKey: own, peerKeys } = this.#files;
    const signing = own === undefined ? undefined : read(own, (text) => signingKey(idOf(own, text), text));
    const peers = peerKeys === undefined ? undefined : read(peerKeys, verificationKeys);
    this.#signing = signing;
    this.#peers = peers;
  }
}

/** Of the line `kid: NAME` before the PEM, so that a key that is rotated in one file has an id of its own; else the name of the file. */
function idOf(file: string, text: string): string {
  return /^kid: (\S+)$/m.exec(text)?.[1] ?? basename(file).replace(/\.pem$/, '');
}

function read<T>(file: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== undefined) throw new InvalidKeyFile(`${file} cannot be read (${code})`, { cause: error });
    if (error instanceof InvalidSignature) throw new InvalidKeyFile(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}
