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

/** Starts the mock upstream: the one of this folder, or that of BENCH_MOCK where speed matters and it has the answers (see the README). */
export async function startUpstream(options: MockOptions): Promise<Upstream> {
  const own = process.env['BENCH_MOCK'];
  if (own !== undefined && own !== '' && options.answer === 'chat' && options.intervalMs === 0) {
    const port = await freePort();
    const child = start(OTHER_CORE, own, [String(port), String(options.chunks ?? 0)], ['ignore', 'ignore', 'inherit']);
    await waitForPort(port, child, 'BENCH_MOCK');
    return { port, kind: 'BENCH_MOCK', stop: () => stop(child) };
  }
  const child: ChildProcess = start(OTHER_CORE, process.execPath, [MOCK], ['ignore', 'inherit', 'inherit', 'ipc']);
  child.send(options);
  const { port } = await message<{ port: number }>(child, 'the mock');
  return { port, kind: 'node', stop: () => stop(child) };
}
