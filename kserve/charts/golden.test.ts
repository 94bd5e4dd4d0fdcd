import { expect, it } from 'vitest';

import { forgottenFiles, goldenText } from '#core/golden.fixture';

import { COMMAND, GOLDEN, goldenFiles } from './golden.fixture.ts';

const files = goldenFiles();

it.each([...files])('%s is as it was', (path, text) => {
  expect(goldenText(GOLDEN, path), `what is built has changed; if that is meant: ${COMMAND}`).toBe(text);
});

it('has no file that nothing builds any more', () => {
  expect(forgottenFiles(GOLDEN, files)).toEqual([]);
});
