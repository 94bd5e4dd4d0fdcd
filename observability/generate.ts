// node observability/generate.ts: writes the page of metrics, rules, scrape configurations, objects of the operator, dashboards and their provisioning.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { generated } from './generated.ts';

const ROOT = join(import.meta.dirname, '..');
for (const [path, text] of await generated()) {
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  process.stdout.write(`${path}\n`);
}
