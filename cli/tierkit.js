#!/usr/bin/env node
// Plain JavaScript, so that an old Node can say what is missing. Everything else is TypeScript, which Node 24 runs as it is.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) >= MAJOR) {
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
} else {
  // `npm ci` brings its own Node for machines whose Node is older.
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (existsSync(own)) {
    const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('exit', (code, signal) => (signal === null ? process.exit(code ?? 1) : process.kill(process.pid, signal)));
  } else {
    process.stderr.write(
      `tierkit: needs Node ${MAJOR} or later, this is ${process.versions.node}; run "npm ci" in the checkout, which brings one\n`,
    );
    process.exitCode = 1;
  }
}
