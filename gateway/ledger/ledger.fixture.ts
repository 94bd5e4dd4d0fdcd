// For tests: rows, and folders that go away.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import type { LedgerRow } from './row.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function row(more: Partial<LedgerRow> = {}): LedgerRow {
  return {
    v: 1,
    time: '2026-01-31T09:30:00.000Z',
    request_id: 'r-1',
    client_id: 'team-a',
    model: 'gpt-4o',
    backend_model: 'gpt-4o',
    backend: 'default/openai',
    route: 'default/models',
    operation: 'chat',
    stream: false,
    status: 200,
    complete: true,
    client_gone: false,
    attempts: 1,
    tokens: { input: 1000, cached_input: 100, output: 50, total: 1050 },
    provenance: 'reported',
    price: 'default/list/gpt-4o',
    cost: { nanos: 3_000_000, currency: 'USD', parts: { input: 2_500_000, output: 500_000 } },
    ...more,
  };
}

/** Request ids in all files of a folder, file by file; a line without an end is left out, anything else that is no row throws. */
export function idsIn(folder: string): string[][] {
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').split('\n');
      return lines.slice(0, -1).map((line) => (JSON.parse(line) as LedgerRow).request_id);
    });
}

export function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `r-${from + index}`);
}
