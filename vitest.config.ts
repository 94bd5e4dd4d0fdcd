import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**'],
    // Sockets and child processes are real in many tests; a hang is a failure, not a wait.
    testTimeout: 20_000,
    pool: 'threads',
  },
});
