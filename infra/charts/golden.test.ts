import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { FLAVOURS } from './flavours.fixture.ts';
import { COMMAND, GOLDEN, goldenFiles } from './golden.fixture.ts';
import { platform } from './platform.ts';
import { render } from './render.ts';

const files = goldenFiles();

it.each([...files])('%s is as it was', (path, text) => {
  const file = join(GOLDEN, path);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '', `what is rendered has changed; if that is meant: ${COMMAND}`).toBe(text);
});

it('has no file that nothing renders any more', () => {
  const present = readdirSync(GOLDEN, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(GOLDEN.length + 1));
  expect(present.filter((path) => !files.has(path))).toEqual([]);
});

it('says the same each time', () => {
  for (const settings of Object.values(FLAVOURS)) {
    expect(render(settings)).toEqual(render(settings));
    expect(JSON.stringify(platform(settings))).toBe(JSON.stringify(platform(settings)));
  }
});
