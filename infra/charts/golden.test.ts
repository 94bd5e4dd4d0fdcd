import { expect, it } from 'vitest';

import { forgottenFiles, goldenText } from '#core/golden.fixture';

import { FLAVOURS } from './flavours.fixture.ts';
import { COMMAND, GOLDEN, goldenFiles } from './golden.fixture.ts';
import { platform } from './platform.ts';
import { render } from './render.ts';

const files = goldenFiles();

it.each([...files])('%s is as it was', (path, text) => {
  expect(goldenText(GOLDEN, path), `what is rendered has changed; if that is meant: ${COMMAND}`).toBe(text);
});

it('has no file that nothing renders any more', () => {
  expect(forgottenFiles(GOLDEN, files)).toEqual([]);
});

it('says the same each time', () => {
  for (const settings of Object.values(FLAVOURS)) {
    expect(render(settings)).toEqual(render(settings));
    expect(JSON.stringify(platform(settings))).toBe(JSON.stringify(platform(settings)));
  }
});
