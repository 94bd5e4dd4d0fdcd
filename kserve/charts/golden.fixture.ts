// node kserve/charts/golden.fixture.ts: writes the examples anew, to be read and to be compared with.
import { join } from 'node:path';

import { dump } from 'js-yaml';

import { writeGolden } from '#core/golden.fixture';

import { EXAMPLES } from './examples.fixture.ts';

export const GOLDEN = join(import.meta.dirname, '__golden__');
export const COMMAND = 'node kserve/charts/golden.fixture.ts';

/** By path from {@link GOLDEN}. */
export function goldenFiles(): Map<string, string> {
  return new Map(Object.entries(EXAMPLES).map(([name, object]) => [`${name}.yaml`, dump(object, { lineWidth: 140, noRefs: true })]));
}

if (import.meta.main) writeGolden(GOLDEN, goldenFiles());
