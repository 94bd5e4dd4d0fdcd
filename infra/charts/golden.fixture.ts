// node infra/charts/golden.fixture.ts: writes the manifests of some platforms anew, to be read and to be compared with.
import { join } from 'node:path';

import { dump, loadAll } from 'js-yaml';

import { writeGolden } from '#core/golden.fixture';

import { FLAVOURS } from './flavours.fixture.ts';
import { render } from './render.ts';

export const GOLDEN = join(import.meta.dirname, '__golden__');
export const COMMAND = 'node infra/charts/golden.fixture.ts';

/** Texts that are made elsewhere (rules, dashboards) have tests of their own there. */
const MOST_TEXT = 4000;

/** By path from {@link GOLDEN}. */
export function goldenFiles(): Map<string, string> {
  const files = ['dev', 'production', 'small-two-clusters', 'kserve'].flatMap((flavour) =>
    [...render(FLAVOURS[flavour]!)]
      .filter(([path]) => !/-(dashboards|monitors(-models)?)\.yaml$/.test(path))
      // All else of it is as in dev.
      .filter(([path]) => flavour !== 'kserve' || /models-|routes/.test(path))
      .map(([path, text]) => [`${flavour}/${path}`, path.endsWith('.yaml') ? shortened(text) : text] as const),
  );
  return new Map(files);
}

function shortened(text: string): string {
  return loadAll(text)
    .map((document) => dump(JSON.parse(JSON.stringify(document, cut)), { lineWidth: 140, noRefs: true }))
    .join('---\n');
}

function cut(_: string, value: unknown): unknown {
  return typeof value === 'string' && value.length > MOST_TEXT ? '(made of observability/)' : value;
}

if (import.meta.main) writeGolden(GOLDEN, goldenFiles());
