import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import type { MockOptions } from './mock.ts';
import { freePort, waitForPort } from './ports.ts';
import { message, OTHER_CORE, start, stop } from './processes.ts';

export interface Upstream {
  readonly port: number;
  readonly kind: string;
  stop(): Promise<void>;
}

const MOCK = fileURLToPath(new URL('./mock.ts', import.meta.url));

/** Starts the mock upstream: the one of this folder, or that of BENCH_MOCK where it can give the answers (see the README). */
export async function startUpstream(options: MockOptions): Promise<Upstream> {
  const own = process.env['BENCH_MOCK'];
  if (own !== undefined && own !== '' && options.answer === 'chat') {
    const port = await freePort();
    const child = start(OTHER_CORE, own, [port, options.chunks ?? 0, options.intervalMs].map(String), ['ignore', 'ignore', 'inherit']);
    await waitForPort(port, child, 'BENCH_MOCK');
    return { port, kind: 'BENCH_MOCK', stop: () => stop(child) };
  }
  const child: ChildProcess = start(OTHER_CORE, process.execPath, [MOCK], ['ignore', 'inherit', 'inherit', 'ipc']);
  child.send(options);
  const { port } = await message<{ port: number }>(child, 'the mock');
  return { port, kind: 'node', stop: () => stop(child) };
}
