import { randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { ephemeralKeys, parseKeys, type SealKeys, watchKeys } from './keys.ts';
import { open, seal } from './seal.ts';

const PLACE = { route: 'default/mcp', subject: 'alice' };

function secret(): string {
  return randomBytes(32).toString('base64url');
}

function keysOf(text: string): SealKeys {
  const keys = parseKeys(text);
  if (typeof keys === 'string') throw new Error(keys);
  return keys;
}

function sealed(keys: SealKeys): string {
  return seal(Buffer.from('text'), 'state/1', PLACE, 100, keys)!;
}

function opens(text: string, keys: SealKeys): boolean {
  return open(text, 'state/1', PLACE, keys, 99) !== undefined;
}

describe('a text of secrets', () => {
  test('names them, the first one first, and passes over comments and empty lines', () => {
    const keys = keysOf(`# ours\r\n\r\n new : ${secret()} # since May\r\nold:${secret()}\r\n`);
    expect(keys.ids).toEqual(['new', 'old']);
    expect(keys.first.id).toBe('new');
  });

  test('takes base64url, base64 and hex, and they are the same secret', () => {
    const bytes = randomBytes(40);
    const text = sealed(keysOf(`k:${bytes.toString('base64url')}`));
    for (const encoding of ['base64', 'hex'] as const) expect(opens(text, keysOf(`k:${bytes.toString(encoding)}`))).toBe(true);
    expect(opens(text, keysOf(`k:${bytes.toString('hex').toUpperCase()}`))).toBe(true);
  });

  test('names a secret without an id the same on every replica', () => {
    const text = secret();
    expect(keysOf(text).ids).toEqual(keysOf(text).ids);
    expect(keysOf(text).first.id).toMatch(/^[\w-]{6}$/);
    expect(keysOf(text).ids).not.toEqual(keysOf(secret()).ids);
  });

  const long = randomBytes(32).toString('hex');
  test.each([
    ['', 'it has no secret'],
    ['# nothing\n', 'it has no secret'],
    [randomBytes(31).toString('hex'), 'line 1: the secret has 31 bytes; at least 32 are needed'],
    [`ok:${secret()}\nshort:${randomBytes(8).toString('base64url')}`, 'line 2: the secret has 8 bytes; at least 32 are needed'],
    [long.slice(1), 'line 1: the secret is hex with half a byte'],
    ['k:', 'line 1: the secret is neither base64url nor hex'],
    [`k:${secret()} ${secret()}`, 'line 1: the secret is neither base64url nor hex'],
    [`k:${secret()}é`, 'line 1: the secret is neither base64url nor hex'],
    [`${secret()}:k`, 'line 1: the id before the colon needs 1 to 32 letters, digits, - or _'],
    [`:${secret()}`, 'line 1: the id before the colon needs 1 to 32 letters, digits, - or _'],
    [`a:${secret()}\na:${secret()}`, 'line 2: the id is the one of line 1'],
    [`a:${long}\n\nb:${long.toUpperCase()}`, 'line 3: the secret is the one of line 1'],
    ['default-insecure-seed', 'line 1: the secret is a placeholder; make one with: openssl rand -base64 32'],
    ['change-me-'.repeat(8), 'line 1: the secret is a placeholder; make one with: openssl rand -base64 32'],
    ['<your-key>', 'line 1: the secret is a placeholder; make one with: openssl rand -base64 32'],
    [Buffer.from('please change me, I am a placeholder').toString('base64'), 'line 1: the secret is a placeholder in base64url or hex'],
    ['a'.repeat(64), 'line 1: the secret is not random; make one with: openssl rand -base64 32'],
    ['Z'.repeat(64), 'line 1: the secret is not random; make one with: openssl rand -base64 32'],
    ['0123456789abcdef'.repeat(4), 'line 1: the secret is not random; make one with: openssl rand -base64 32'],
    [Buffer.from([...Array(32).keys()]).toString('hex'), 'line 1: the secret is not random; make one with: openssl rand -base64 32'],
    ['a'.repeat(1025), 'line 1: it has more than 1024 characters'],
    ['\n'.repeat(65_537), 'it has more than 65536 characters'],
    [Array.from({ length: 17 }, secret).join('\n'), 'it has more than 16 secrets'],
  ])('is refused by line, without its content: %#', (text, problem) => {
    expect(parseKeys(text)).toBe(problem);
  });

  test('random secrets are taken', () => {
    for (let round = 0; round < 300; round++) expect(typeof parseKeys(secret())).toBe('object');
  });

  test('can be anything: nothing is thrown, and what is wrong has no part of it', () => {
    const line = fc.array(fc.constantFrom('k', ':', '#', '\r', '\u2028', '=', ' ', '\0', 'Secrecy9', '\ud800', 'Zq'.repeat(12)), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
        const read = parseKeys(lines.map((parts) => parts.join('')).join('\n'));
        expect(typeof read === 'string' ? read : '').not.toMatch(/Secrecy9|Zq|[\0\ud800]/);
      }),
      { numRuns: 1000 },
    );
  });
});

test('keys that are printed show nothing of the secret', () => {
  const bytes = randomBytes(32);
  const keys = keysOf(`k:${bytes.toString('hex')}`);
  const shown = inspect(keys, { depth: 9, showHidden: true }) + JSON.stringify(keys) + JSON.stringify(keys.first);
  expect(shown).toContain('k');
  for (const part of [bytes.toString('hex'), bytes.toString('base64'), [...bytes.subarray(0, 4)].join(','), 'Buffer', 'KeyObject'])
    expect(shown).not.toContain(part);
});

test('while secrets rotate the new one seals, the old one still opens, and one that is taken out does not', () => {
  const [old, next] = [`old:${secret()}`, `new:${secret()}`];
  const before = sealed(keysOf(old));
  const both = keysOf(`${next}\n${old}`);
  const after = sealed(both);

  expect(opens(before, both)).toBe(true);
  expect(after).toMatch(/^v1\.new\./);
  expect(opens(after, keysOf(next))).toBe(true);
  expect(opens(before, keysOf(next))).toBe(false);
  expect(opens(after, keysOf(old))).toBe(false);
});

test('an id alone opens nothing: another secret under the same id is another key', () => {
  expect(opens(sealed(keysOf(`k:${secret()}`)), keysOf(`k:${secret()}`))).toBe(false);
});

test('an id that no secret has gets a key of its own, which is none of the others', () => {
  const keys = keysOf(`a:${secret()}\nb:${secret()}`);
  const data = Buffer.from('text');
  const signatures = ['a', 'b', 'c', '', '__proto__'].map((id) => keys.keyOf(id).sign(data).toString('hex'));
  expect(new Set(signatures).size).toBe(3);
});

test('keys of a process are of no other', () => {
  const keys = ephemeralKeys();
  expect(opens(sealed(keys), keys)).toBe(true);
  expect(opens(sealed(keys), ephemeralKeys())).toBe(false);
});

function newPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'seal-keys-')), 'keys');
}

describe('a file of secrets', () => {
  test('that is missing or bad is refused with its path', () => {
    const file = newPath();
    expect(watchKeys(file, () => undefined)).toBe(`${file} cannot be read (ENOENT)`);
    writeFileSync(file, 'hunter2hunter2');
    expect(watchKeys(file, () => undefined)).toBe(`${file}: line 1: the secret has 10 bytes; at least 32 are needed`);
  });

  test('is read again when another one takes its place; a bad one changes nothing, and is told', async () => {
    const file = newPath();
    writeFileSync(file, `one:${secret()}`);
    const problems: string[] = [];
    const watched = watchKeys(file, (message) => problems.push(message));
    if (typeof watched === 'string') throw new Error(watched);
    onTestFinished(() => watched.close());
    expect(watched.current.ids).toEqual(['one']);

    writeFileSync(`${file}.next`, `two:${secret()}`);
    renameSync(`${file}.next`, file);
    await vi.waitFor(() => expect(watched.current.ids).toEqual(['two']), 5000);
    expect(problems).toEqual([]);

    writeFileSync(`${file}.next`, 'three:c2hvcnQ');
    renameSync(`${file}.next`, file);
    await vi.waitFor(() => expect(problems.length).toBeGreaterThan(0), 5000);
    expect(problems[0]).toBe(`${file}: line 1: the secret has 5 bytes; at least 32 are needed; the keys that were read before stay in use`);
    expect(watched.current.ids).toEqual(['two']);
  });
});
