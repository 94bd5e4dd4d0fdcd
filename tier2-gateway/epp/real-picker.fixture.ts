// For tests: an official endpoint picker as a process, with a Kubernetes API that knows the pods.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from '#core/real-part.fixture';

import { kubeApi } from './kube-api.fixture.ts';

export interface RealPicker {
  readonly child: ChildProcess;
  /** Of its gRPC server, which may need a while to serve. */
  readonly address: string;
  readonly close: () => Promise<void>;
}

/** @param pods addresses that nothing has to listen on: the pickers decide without asking */
export async function startRealPicker(binary: string, flags: readonly string[], pods: readonly string[]): Promise<RealPicker> {
  const api = await kubeApi(pods);
  const folder = mkdtempSync(join(tmpdir(), 'picker-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: api.url } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    users: [{ name: 'u', user: { token: 'none' } }],
    'current-context': 'c',
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const [grpc, health, metrics] = await freePorts(3);
  const ports = [`--grpc-port=${grpc}`, `--grpc-health-port=${health}`, `--metrics-port=${metrics}`];
  const child = spawn(binary, ['--pool-name=m', '--pool-namespace=default', ...ports, ...flags], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: 'ignore',
  });
  return {
    child,
    address: `127.0.0.1:${grpc}`,
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
      rmSync(folder, { recursive: true });
      api.close();
    },
  };
}
