import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { ERRORS } from '#core/errors';

import { startTiers } from './examples/two-tiers/tiers.fixture.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8');

test("the README's curl gets the README's answer, through both tiers", async () => {
  const readme = read('README.md');
  const [, path, body] = /curl -s http:\/\/127\.0\.0\.1:1975(\S+) -H 'content-type: application\/json' \\\n {2}-d '([^']+)'/.exec(readme)!;
  const shown = JSON.parse(/```json\n(.+)\n```/.exec(readme)![1]!) as Record<string, unknown>;
  const tiers = await startTiers();
  try {
    const response = await fetch(tiers.url + path!, { method: 'POST', headers: { 'content-type': 'application/json' }, body: body! });
    const answer = (await response.json()) as Record<string, unknown>;
    expect(response.status).toBe(200);
    expect({ ...answer, id: shown['id'], created: shown['created'] }).toEqual(shown);
  } finally {
    await tiers.close();
  }
});

test('every code of an error is documented, and no other one', () => {
  const documented = [...read('gateway/README.md').matchAll(/^\| `(TK_\w+)` \| (\d+) \|/gm)].map(([, code, status]) => `${code} ${status}`);
  expect(documented).toEqual(Object.entries(ERRORS).map(([code, { status }]) => `${code} ${status}`));
});
