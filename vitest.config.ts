import { defineConfig } from 'vitest/config';

const NODE = 24;
if (Number(process.versions.node.split('.')[0]) < NODE)
  throw new Error(`the tests need Node ${NODE}, which npm ci installs: npm test finds it, ${process.execPath} is ${process.versions.node}`);

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**'],
    // Sockets and child processes are real in many tests; a hang is a failure, not a wait.
    testTimeout: 20_000,
    pool: 'threads',
    // Much of the time is waiting: a core that is left to vitest itself would be idle.
    maxWorkers: '100%',
    globalSetup: './core/temporary.fixture.ts',
  },
});
