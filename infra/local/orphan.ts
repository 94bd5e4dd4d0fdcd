// Loaded into every process of a local platform before its own program (`node --import`): when the process that started it
// is gone, even by SIGKILL, it ends as well, and removes the folder with the platform's keys.
import { rmSync } from 'node:fs';
import { basename } from 'node:path';

import { KEYS_PREFIX, KEYS_VARIABLE } from './keys.ts';

const parent = process.ppid;
let alone = false;

// The channel closes with the parent. It must not keep this process from ending by itself.
process.once('disconnect', () => {
  alone = true;
  process.exit(1);
});
process.channel?.unref();

// Also when this process ends for another reason at the same moment, such as a pipe that nobody reads any more. The system
// may close the channel a moment before it gives this process another parent.
process.once('exit', () => {
  const folder = process.env[KEYS_VARIABLE];
  if (folder === undefined || !basename(folder).startsWith(KEYS_PREFIX)) return;
  // The other processes do the same at the same time.
  if (alone || process.ppid !== parent) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});
