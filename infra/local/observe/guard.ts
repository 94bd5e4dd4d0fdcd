// Stands between a platform and a program of others: passes SIGTERM on, and ends the program when the platform's process is gone
// (see orphan.ts). Arguments: name of the container, or nothing; program; its arguments.
import { spawn, spawnSync } from 'node:child_process';

const [container = '', program = '', ...args] = process.argv.slice(2);

/** The container outlives the docker that has started it. */
function removeContainer(): void {
  if (container !== '') spawnSync(program, ['rm', '--force', container], { stdio: 'ignore', timeout: 10_000 });
}

removeContainer();
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', (error) => {
  process.stderr.write(`${program}: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal !== null) process.stderr.write(`${program} was ended by ${signal}\n`);
  // By 2 our own commands say that no further start would help; a Go program that panics ends with it as well.
  process.exit(code === null || code === 2 ? 1 : code);
});
// Before orphan.ts removes the folder that the program writes to.
process.prependListener('exit', () => {
  child.kill('SIGKILL');
  removeContainer();
});
