import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, waitForPort } from './ports.ts';
import { GATEWAY_CORE, sleep, start, stop } from './processes.ts';

/** What is measured: the gateway, or the reference proxy in its place. */
export interface Measured {
  readonly pid: number;
  readonly port: number;
  /** Undefined for the reference proxy. */
  readonly adminPort: number | undefined;
  /** From the start of the process until it was ready. */
  readonly readyMs: number;
  stop(): Promise<void>;
}

const CLI = fileURLToPath(new URL('../../cli/tierkit.js', import.meta.url));
const PROXY = fileURLToPath(new URL('./reference-proxy.ts', import.meta.url));
/** Time for a start; 20,000 rules must fit. */
const START_MS = 60_000;

/**
 * Starts the gateway as its users do, on its own core, with the access log in a file.
 * @param path a file or folder of resources
 * @param folder where the log files go
 * @throws Error with what the gateway said when it does not become ready
 */
export async function startGateway(path: string, folder: string, accessLog: boolean): Promise<Measured> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const files = [join(folder, `access-${port}.log`), join(folder, `operator-${port}.log`)] as const;
  const [out, err] = [openSync(files[0], 'w'), openSync(files[1], 'w')];
  const args = [CLI, 'run', path, '--port', String(port), '--admin-port', String(adminPort), ...(accessLog ? [] : ['--no-access-log'])];
  const since = performance.now();
  const child = start(GATEWAY_CORE, process.execPath, args, ['ignore', out, err]);
  closeSync(out);
  closeSync(err);
  const end = async () => {
    await stop(child);
    for (const file of files) rmSync(file, { force: true });
  };
  while (!(await ready(adminPort))) {
    if (child.exitCode !== null || performance.now() - since > START_MS) {
      const said = readFileSync(files[1], 'utf8').slice(0, 4000);
      await end();
      throw new Error(`the gateway did not become ready:\n${said}`);
    }
    await sleep(5);
  }
  const readyMs = performance.now() - since;
  return { pid: child.pid as number, port, adminPort, readyMs, stop: end };
}

async function ready(adminPort: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

/** Starts the bare proxy in the gateway's place. */
export async function startReferenceProxy(upstreamPort: number): Promise<Measured> {
  const port = await freePort();
  const since = performance.now();
  const child = start(GATEWAY_CORE, process.execPath, [PROXY, String(port), String(upstreamPort)], ['ignore', 'inherit', 'inherit']);
  await waitForPort(port, child, 'the reference proxy');
  return { pid: child.pid as number, port, adminPort: undefined, readyMs: performance.now() - since, stop: () => stop(child) };
}
