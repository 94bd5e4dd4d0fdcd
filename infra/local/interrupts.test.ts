import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

const MODULE = fileURLToPath(new URL('interrupts.ts', import.meta.url));
const PROGRAM = `
  const { Interrupts } = await import(${JSON.stringify(MODULE)});
  const interrupts = new Interrupts();
  console.log('ready ' + process.pid);
  console.log(await Promise.race([interrupts.first, new Promise((resolve) => setTimeout(resolve, 20000, 'nothing came'))]));
  process.exit(0);
`;

/** A shell that has the program as its child, as npm has it, and what the program says. */
function start(env: NodeJS.ProcessEnv) {
  const shell = spawn('sh', ['-c', '"$NODE" -e "$PROGRAM"; exit $?'], {
    env: { ...process.env, NODE: process.execPath, PROGRAM, npm_lifecycle_event: undefined, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  shell.stdout.on('data', (data) => (text += String(data)));
  const until = async (what: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = what.exec(text);
      if (found !== null) return found;
      await once(shell.stdout, 'data');
    }
  };
  return { shell, until };
}

it('the end of npm and its shell is one', async () => {
  const { shell, until } = start({ npm_lifecycle_event: 'start' });
  await until(/ready/);
  shell.kill('SIGKILL');
  expect((await until(/npm has ended|nothing came/))[0]).toBe('npm has ended');
});

it('the end of a shell that is not of npm is none', async () => {
  const { shell, until } = start({});
  const pid = Number((await until(/ready (\d+)/))[1]);
  shell.kill('SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 1200));
  process.kill(pid, 'SIGTERM');
  expect((await until(/npm has ended|SIGTERM|nothing came/))[0]).toBe('SIGTERM');
});
