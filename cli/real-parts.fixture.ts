// For tests: Phoenix and Jaeger as processes, on free ports.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '#core/real-part.fixture';

export interface RealPart {
  /** Where OTLP over HTTP is taken: OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly otlp: string;
  /** Where it is asked. */
  readonly url: string;
  close(): Promise<void>;
}

export async function startPhoenix(binary: string): Promise<RealPart> {
  const folder = mkdtempSync(join(tmpdir(), 'phoenix-'));
  const [port, grpc] = await freePorts(2);
  const child = spawn(binary, ['serve'], {
    env: {
      ...process.env,
      PHOENIX_HOST: '127.0.0.1',
      PHOENIX_PORT: String(port),
      PHOENIX_GRPC_PORT: String(grpc),
      PHOENIX_WORKING_DIR: folder,
      PHOENIX_TELEMETRY_ENABLED: 'false',
    },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  await answering(`${url}/readyz`, child);
  return { otlp: url, url, close: () => stop(child, folder) };
}

export async function startJaeger(binary: string): Promise<RealPart> {
  const folder = mkdtempSync(join(tmpdir(), 'jaeger-'));
  const [query, grpc, otlp] = await freePorts(3);
  const file = join(folder, 'jaeger.yaml');
  writeFileSync(file, jaegerConfig({ query: query!, grpc: grpc!, otlp: otlp! }));
  const child = spawn(binary, ['--config', `file:${file}`], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${query}`;
  await answering(`${url}/api/v3/services`, child);
  return { otlp: `http://127.0.0.1:${otlp}`, url, close: () => stop(child, folder) };
}

const at = (port: number) => ({ endpoint: `127.0.0.1:${port}` });

function jaegerConfig(ports: { readonly query: number; readonly grpc: number; readonly otlp: number }): string {
  return JSON.stringify({
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
      jaeger_query: { storage: { traces: 'memory' }, http: at(ports.query), grpc: at(ports.grpc) },
    },
    receivers: { otlp: { protocols: { http: at(ports.otlp) } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  });
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code) => (failure ??= `it ended with ${code}`));
  const deadline = Date.now() + 90_000;
  for (;;) {
    if (failure !== undefined) throw new Error(`${child.spawnfile}: ${failure}`);
    const answer = await fetch(url).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    if (Date.now() > deadline) throw new Error(`${child.spawnfile} does not answer within 90 s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null) {
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Asks again until the answer will do. */
export async function until<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`it does not come within 30 s; there is ${JSON.stringify(answer).slice(0, 4000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
