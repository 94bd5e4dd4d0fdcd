import { parentPort } from 'node:worker_threads';

import { POLICIES } from './policies.ts';
import { run } from './run.ts';
import type { Job } from './workers.ts';
import { WORKLOADS } from './workloads.ts';

parentPort?.on('message', ({ workload, policy, ...size }: Job) => {
  const result = run({
    workload: WORKLOADS.find(({ name }) => name === workload)!,
    policy: POLICIES.find(({ name }) => name === policy)!,
    ...size,
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window's
  parentPort!.postMessage(result);
});
