import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { findParts } from './find.ts';
import { type PartName, PARTS } from './parts.ts';

let first: string;
let second: string;

beforeEach(() => {
  first = mkdtempSync(join(tmpdir(), 'tierkit-find-'));
  second = mkdtempSync(join(tmpdir(), 'tierkit-find-'));
});

afterEach(() => {
  for (const folder of [first, second]) rmSync(folder, { recursive: true, force: true });
});

function put(folder: string, name: string, mode = 0o755, script = 'exit 0'): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, mode);
  return file;
}

const find = (names: readonly PartName[] = PARTS, path = [first, second].join(delimiter)) => findParts(names, { PATH: path });

describe('on PATH', () => {
  test('the first program of a name is found, wherever the others are', async () => {
    const prometheus = put(first, 'prometheus');
    put(second, 'prometheus');
    const jaeger = put(second, 'jaeger');
    expect(await find()).toEqual({ programs: { prometheus, jaeger }, docker: undefined });
  });

  test('neither a folder nor a file that cannot be run is a program', async () => {
    mkdirSync(join(first, 'phoenix'));
    put(first, 'jaeger', 0o644);
    const phoenix = put(second, 'phoenix');
    expect(await find()).toEqual({ programs: { phoenix }, docker: undefined });
  });

  test.each([undefined, '', delimiter])('PATH %j has nothing', async (path) => {
    expect(await findParts(PARTS, { PATH: path })).toEqual({ programs: {}, docker: undefined });
  });
});

describe('docker', () => {
  test('is there when its daemon answers', async () => {
    const docker = put(first, 'docker', 0o755, '[ "$1" = version ]');
    expect(await find()).toEqual({ programs: {}, docker });
  });

  test('is not there when only its client is', async () => {
    put(first, 'docker', 0o755, 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    expect(await find()).toEqual({ programs: {}, docker: undefined });
  });

  test('is not asked when nothing is wanted of it', async () => {
    const jaeger = put(first, 'jaeger');
    put(first, 'docker');
    expect(await find(['jaeger'])).toEqual({ programs: { jaeger }, docker: undefined });
  });
});
