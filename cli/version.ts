import { readFileSync } from 'node:fs';

import type { Command } from './command.ts';

export const version: Command = {
  name: 'version',
  summary: 'say the version',
  help: 'Usage: tierkit version\n\nPrints the version of Tierkit and of the Node that runs it.\n',
  run() {
    const { version: own } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
    process.stdout.write(`tierkit ${own} (node ${process.versions.node})\n`);
    return Promise.resolve(0);
  },
};
