import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ExtensionRequest } from './extension.ts';
import { InvalidExtension, loadExtensions } from './load.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-extensions-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function problem(paths: readonly string[]): Promise<string> {
  const error = await loadExtensions(paths).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof InvalidExtension)) throw new Error('was loaded, or failed by another error', { cause: error });
  expect(error.message).not.toContain('\n');
  return error.message.replace(folder, 'DIR');
}

describe('loadExtensions', () => {
  test('loads modules in TypeScript and JavaScript, in their order', async () => {
    const paths = [
      write('b.ts', `interface X { readonly a: string }\nexport default { name: 'b', authorize(request: X): void {} };`),
      write('a.mjs', `export default { name: 'a', settled() {} };`),
      write('c.ts', `class C { name = 'c'; attempt() { return { setHeaders: { x: this.constructor.name } }; } }\nexport default new C();`),
    ];
    const loaded = await loadExtensions(paths);
    expect(loaded.map(({ name }) => name)).toEqual(['b', 'a', 'c']);
    expect(await loaded[2]!.attempt?.({} as ExtensionRequest, { backend: 'b', attempt: 1 })).toEqual({ setHeaders: { x: 'C' } });
  });

  test('without any there is nothing to load', async () => {
    expect(await loadExtensions([])).toEqual([]);
  });

  test.each([
    ['gone.ts', undefined, 'there is no such file'],
    ['nothing.ts', '', 'has no default export that is an object with name and hooks'],
    ['named.ts', `export const extension = { name: 'x' };`, 'has no default export that is an object with name and hooks'],
    ['function.ts', `export default function authorize() {}`, 'has no default export that is an object with name and hooks'],
    ['null.ts', `export default null;`, 'has no default export that is an object with name and hooks'],
    ['nameless.ts', `export default { authorize() {} };`, 'the default export has no name'],
    ['typo.ts', `export default { name: 'x', authorise() {} };`, 'there is no hook "authorise"; did you mean "authorize"?'],
    ['other.ts', `export default { name: 'x', onRequestReceived() {} };`, 'there is no hook "onRequestReceived"'],
    ['value.ts', `export default { name: 'x', attempt: true };`, '"attempt" must be a function'],
    ['throws.ts', `throw new Error('no database\\nand more');`, 'no database'],
    ['throws-text.ts', `throw 'secret';`, 'threw a value of type string while it was loaded'],
  ])('%s', async (name, text, message) => {
    const path = text === undefined ? join(folder, name) : write(name, text);
    expect(await problem([path])).toBe(`plugin DIR/${name}: ${message}`);
  });

  test('an import of its own that is not there is named', async () => {
    expect(await problem([write('imports.ts', `import './not-there.ts';\nexport default { name: 'x' };`)])).toMatch(/not-there\.ts/);
  });

  // Vitest loads modules in its own way, which knows TypeScript: with Node itself it is different.
  test.each([
    ['syntax.ts', `const a: number = 1;\nexport default { name: 'x', authorize( {} };`, /^plugin DIR\/syntax\.ts:2: \S+/],
    ['enum.ts', `\n\nenum A { B }\nexport default { name: 'x' };`, /^plugin DIR\/enum\.ts:3: .*enum/],
  ])('%s tells its line', (name, text, message) => {
    const path = write(name, text);
    const script = `import { loadExtensions } from ${JSON.stringify(new URL('load.ts', import.meta.url).href)};
      await loadExtensions([${JSON.stringify(path)}]).catch((error) => console.log(error.message));`;
    const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(told.trimEnd().replace(folder, 'DIR')).toMatch(message);
    expect(told.trimEnd()).not.toContain('\n');
  });

  test('a folder is no module', async () => {
    expect(await problem([folder])).toBe('plugin DIR: is no file');
  });
});
