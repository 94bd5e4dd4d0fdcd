// For tests: both tiers with simulated pods as processes, a provider that fails as it is told, and a load that sets every metric in motion.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { generateKeyPairSync } from 'node:crypto';

import { freePorts } from '#core/real-part.fixture';
import { publicJwk, signingKey } from '#core/tiers/jws';

import { tierOneYaml, tierTwoYaml } from './resources.fixture.ts';

const TIERKIT = fileURLToPath(new URL('../cli/tierkit.js', import.meta.url));

export interface Platform {
  readonly folder: string;
  readonly tierOne: string;
  /** Admin listeners, `host:port`. */
  readonly admins: { readonly one: string; readonly two: string };
  readonly pods: readonly string[];
  close(): Promise<void>;
}

const tier = (port: number, admin: number): string[] => [`--port=${port}`, `--admin-port=${admin}`, '--no-access-log', '--drain=1s'];

export async function startPlatform(): Promise<Platform> {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-observed-'));
  const [one, oneAdmin, two, twoAdmin, podA, podB] = (await freePorts(6)) as [number, number, number, number, number, number];
  const children: ChildProcess[] = [];
  const provider = await startProvider();
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const pair = (name: string) => {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { pem: write(`${name}.pem`, pem), jwks: write(`${name}.json`, JSON.stringify({ keys: [publicJwk(signingKey(name, pem))] })) };
  };
  const keys = { one: pair('one'), two: pair('two') };
  const pods = [podA, podB].map((port) => `127.0.0.1:${port}`);
  const run = (...args: string[]): void => {
    children.push(spawn(process.execPath, [TIERKIT, ...args], { stdio: ['ignore', 'ignore', 'inherit'] }));
  };
  const platform: Platform = {
    folder,
    tierOne: `http://127.0.0.1:${one}`,
    admins: { one: `127.0.0.1:${oneAdmin}`, two: `127.0.0.1:${twoAdmin}` },
    pods,
    async close() {
      await Promise.all(children.map(end));
      provider.closeAllConnections();
      provider.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    for (const port of [podA, podB]) run('sim', '--model=demo', `--port=${port}`, '--speed=20');
    const twoYaml = write('two.yaml', tierTwoYaml(pods));
    const oneYaml = write('one.yaml', tierOneYaml({ tierTwo: two, provider: (provider.address() as AddressInfo).port }));
    run('tier2', twoYaml, ...tier(two, twoAdmin), `--signing-key=${keys.two.pem}`, `--peer-keys=${keys.one.jwks}`);
    await Promise.all(pods.map((address) => ready(`http://${address}/health`)));
    run(
      'run',
      oneYaml,
      ...tier(one, oneAdmin),
      `--signing-key=${keys.one.pem}`,
      `--peer-keys=${keys.two.jwks}`,
      `--ledger=${join(folder, 'ledger')}`,
    );
    await Promise.all(Object.values(platform.admins).map((address) => ready(`http://${address}/readyz`)));
  } catch (error) {
    await platform.close();
    throw error;
  }
  return platform;
}

async function ready(url: string): Promise<void> {
  for (let left = 150; ; left--) {
    const answered = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    if (left === 0) throw new Error(`${url} did not become ready`);
    await sleep(200);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** A provider for which the model says what it does. */
async function startProvider(): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { model } = JSON.parse(Buffer.concat(chunks).toString()) as { model: string };
      const status = Number(/^fail-(\d+)$/.exec(model)?.[1] ?? 200);
      response.writeHead(status, { 'content-type': 'application/json' });
      if (status !== 200) {
        response.end('{"error":{"message":"as it was told"}}');
        return;
      }
      const details = { prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 2 } };
      const usage = { prompt_tokens: 12, completion_tokens: 8, total_tokens: 20, ...details };
      const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }];
      response.end(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: `${model}-2026`, choices, usage }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export interface Asked {
  readonly model: string;
  readonly team?: string;
  readonly stream?: boolean;
}

export async function ask(platform: Platform, { model, team = 'a', stream = false }: Asked): Promise<number> {
  const response = await fetch(`${platform.tierOne}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer key-of-team-${team}` },
    body: JSON.stringify({
      model,
      stream,
      max_tokens: 16,
      messages: [{ role: 'user', content: `Say hello, please. ${'More words. '.repeat(20)}` }],
    }),
  });
  await response.text();
  return response.status;
}

/** One round of everything: good answers of pods and provider, failures with another attempt and without, refusals. */
export async function loadRound(platform: Platform): Promise<void> {
  await Promise.all([
    ask(platform, { model: 'demo', stream: true }),
    ask(platform, { model: 'demo', stream: true, team: 'b' }),
    ask(platform, { model: 'demo' }),
    ask(platform, { model: 'priced' }),
    ask(platform, { model: 'priced', team: 'b' }),
    ask(platform, { model: 'falls-back' }),
    ask(platform, { model: 'retried' }),
    ask(platform, { model: 'overloaded' }),
    ask(platform, { model: 'throttled' }),
    ask(platform, { model: 'narrow', team: 'b' }),
    ask(platform, { model: 'narrow', team: 'b' }),
    ask(platform, { model: 'nobody-serves-this' }),
    ask(platform, { model: 'demo', team: 'unknown' }),
  ]);
}
