import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { type Clock, endpoint, request } from '../picker/pool.fixture.ts';
import { digestPrompt } from '../picker/digest.ts';
import { RoundRobinPolicy } from '../picker/policies/simple.ts';
import type { EppClientOptions } from '../epp/client.ts';
import { clientOf } from '../epp/picker.fixture.ts';
import { type EppServerOptions, startEppServer } from '../epp/server.ts';
import { ExternalPicker, type ExternalPickerOptions, type ExternalRequest } from './external.ts';

export const ONE = '10.0.0.1:8000';
export const TWO = '10.0.0.2:8000';
export const THREE = '10.0.0.3:8000';
export const POOL = [ONE, TWO, THREE];
export const BODY = Buffer.from('{"model":"m","messages":[]}');
export const NEVER = new AbortController().signal;

/** A client that has not left. */
export function asked(more: Partial<ExternalRequest> = {}): ExternalRequest {
  return {
    pick: request(digestPrompt([BODY])),
    method: 'POST',
    path: '/v1/chat/completions',
    authority: 'models.test',
    headers: ['content-type', 'application/json', 'x-kept', 'as it was'],
    body: BODY,
    ...more,
  };
}

/** The pieces of a gateway around an external picker. */
export interface Rig {
  readonly picker: ExternalPicker;
  readonly warnings: string[];
  /** The gateway's own policy. */
  readonly policy: RoundRobinPolicy;
  /** Requests that were chosen for by it. */
  owned: number;
}

export interface RigOptions extends Partial<ExternalPickerOptions> {
  readonly epp?: Partial<EppClientOptions>;
  readonly clock?: Clock;
}

/** Closes what the tests have opened, the last first. */
export class Closers {
  readonly #closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async server(options: Partial<EppServerOptions> = {}): Promise<{ address: string }> {
    const server = await startEppServer({ port: 0, picker: async () => ({ endpoints: [TWO, ONE] }), ...options });
    this.add(() => server.close(0));
    return { address: `127.0.0.1:${server.port}` };
  }

  rig(address: string, { epp, clock, ...options }: RigOptions = {}): Rig {
    const client = clientOf(address, epp);
    const warnings: string[] = [];
    const policy = new RoundRobinPolicy({ now: clock?.now ?? (() => performance.now()), random: Math.random });
    policy.setEndpoints([1, 2, 3].map((index) => endpoint(index)));
    const picker = new ExternalPicker({
      client,
      failureMode: 'FailClose',
      candidates: () => POOL,
      endpoints: () => POOL,
      own: (own) => {
        rig.owned++;
        return policy.pick(own);
      },
      warn: (message) => warnings.push(message),
      ...(clock === undefined ? {} : { now: clock.now }),
      ...options,
    });
    const rig: Rig = { picker, warnings, policy, owned: 0 };
    this.add(() => picker.close());
    return rig;
  }
}

/** A wire between gateway and picker that can be cut, as the picker's process dies, or go silent, as its node does. */
export interface Relay {
  readonly address: string;
  cut(): void;
  /** Bytes are taken, and nothing is passed on, either way. */
  silence(): void;
  /** The same for the connections that are open; new ones lead somewhere. */
  lose(): void;
}

export async function relayTo(address: string): Promise<Relay> {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const sockets = new Set<Socket>();
  let silent = false;
  const lost = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on('data', (bytes) => {
        if (!silent && !lost.has(from)) to.write(bytes);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
    silence: () => {
      silent = true;
    },
    lose: () => {
      for (const socket of sockets) lost.add(socket);
    },
  };
}
