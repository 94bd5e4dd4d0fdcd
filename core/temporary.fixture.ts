// For all tests: their temporary folders are in one, which goes with them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @returns what takes it away */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-'));
  process.env['TMPDIR'] = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
