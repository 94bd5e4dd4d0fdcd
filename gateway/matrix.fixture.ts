// node gateway/matrix.fixture.ts: writes the table of docs/providers.md anew, of the code's own tables.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { wayOf } from '#core/providers/way';
import { type ApiEndpoint, ENDPOINTS, SCHEMA_NAMES, type SchemaName } from '#core/read/endpoints';

import { schemaNamed } from './cloud.fixture.ts';

export const COMMAND = 'node gateway/matrix.fixture.ts';
export const PAGE = join(import.meta.dirname, '..', 'docs', 'providers.md');

const BEGIN = `<!-- made by ${COMMAND} -->\n`;
const END = '<!-- end -->';

/** How a backend serves an endpoint. */
export function cellOf(endpoint: ApiEndpoint, schema: SchemaName): 'passed' | 'passed over its own path' | 'translated' | undefined {
  const way = wayOf(endpoint, schemaNamed(schema));
  if (way === undefined) return undefined;
  if (way.how === 'pass') return 'passed';
  return way.how === 'conversation' && way.wire.dialect === endpoint.conversation ? 'passed over its own path' : 'translated';
}

const SHORT = { passed: 'P', 'passed over its own path': 'P*', translated: 'T' } as const;

export function matrix(): string {
  const rows = ENDPOINTS.filter(({ operation }) => operation !== 'models').map((endpoint) => {
    const cells = SCHEMA_NAMES.map((schema) => {
      const cell = cellOf(endpoint, schema);
      return cell === undefined ? '–' : SHORT[cell];
    });
    return `| \`${endpoint.path}\` | ${cells.join(' | ')} |`;
  });
  return [`| | ${SCHEMA_NAMES.join(' | ')} |`, `|---${'|---'.repeat(SCHEMA_NAMES.length)}|`, ...rows, ''].join('\n');
}

/** The page with the table as it has to be. */
export function page(text: string): string {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from === -1 || to < from) throw new Error('docs/providers.md has no place for the table');
  return `${text.slice(0, from)}${BEGIN}\n${matrix()}\n${text.slice(to)}`;
}

if (import.meta.main) writeFileSync(PAGE, page(readFileSync(PAGE, 'utf8')));
