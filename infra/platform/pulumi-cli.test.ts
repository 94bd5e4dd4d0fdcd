import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-cli-'));
const LOG = join(folder, 'log');

/** Ends a moment after it was interrupted; tells the test when it can be. */
const FAKE = `#!${process.execPath}
const { appendFileSync } = require('node:fs');
process.on('SIGINT', () => {
  appendFileSync(${JSON.stringify(LOG)}, 'SIGINT ');
  setTimeout(() => process.exit(7), 300);
});
setTimeout(() => process.exit(0), 60_000);
appendFileSync(${JSON.stringify(LOG)}, 'ready ');
`;
const SHOW = `
import { pulumiCli } from ${JSON.stringify(join(import.meta.dirname, 'pulumi-cli.ts'))};
const cli = pulumiCli({ folder: '.', target: [], env: { PATH: ${JSON.stringify(folder)} }, say: () => undefined });
process.exitCode = await cli.show(['up']);
`;

test('whoever ends this process ends Pulumi with it, gently', { timeout: 30_000 }, async () => {
  writeFileSync(join(folder, 'pulumi'), FAKE);
  chmodSync(join(folder, 'pulumi'), 0o755);
  writeFileSync(LOG, '');
  const child = spawn(process.execPath, ['--input-type=module', '-e', SHOW], { stdio: 'inherit' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const log = () => readFileSync(LOG, 'utf8');
  await vi.waitFor(() => expect(log()).toBe('ready '), { timeout: 20_000 });
  child.kill('SIGTERM');
  child.kill('SIGTERM');
  expect(await ended).toBe(7);
  expect(log()).toBe('ready SIGINT ');
});
