// For tests: clients of both eras that call without a pause, until they are told to stop.
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { askModern } from './modern-client.fixture.ts';

/** A call that says what has to be in its answer. */
type Call = (tool: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>;

export interface Callers {
  /** Answers that were right, by client. */
  readonly counts: readonly number[];
  /** What went wrong. */
  readonly lost: readonly string[];
  /** Resolves when each client has got so many more answers. @throws where calls were lost meanwhile */
  more(calls: number): Promise<void>;
  stop(): Promise<void>;
}

export interface CallersOptions {
  readonly url: string;
  /** Of each era. */
  readonly clients: number;
  /** Names of servers, each of which is called in turn. */
  readonly servers: readonly string[];
}

export async function startCallers({ url, clients, servers }: CallersOptions): Promise<Callers> {
  const legacy = await Promise.all(Array.from({ length: clients }, () => connect(url)));
  const calls = [...legacy.map(({ call }) => call), ...Array.from({ length: clients }, () => modernCall(url))];
  const counts = calls.map(() => 0);
  const lost: string[] = [];
  const stopping = new AbortController();
  const running = calls.map(async (call, at) => {
    for (let n = 0; !stopping.signal.aborted; n++) {
      const server = servers[n % servers.length]!;
      // Every fourth one takes some time, and is under way when a replica stops.
      const [tool, args, words] = n % 4 === 3 ? ['wait', { ms: 40 }, 'waited'] : ['echo', { n, at }, JSON.stringify({ n, at })];
      try {
        const said = JSON.stringify(await call(`${server}__${tool}`, args));
        if (said.includes(JSON.stringify(words).slice(1, -1))) counts[at]!++;
        else lost.push(`client ${at}, call ${n}: ${said}`);
      } catch (error) {
        lost.push(`client ${at}, call ${n}: ${inspect(error)}`);
      }
    }
  });
  return {
    counts,
    lost,
    more: async (wanted) => {
      const from = [...counts];
      while (counts.some((count, at) => count < from[at]! + wanted)) {
        if (lost.length > 0) throw new Error(lost.join('\n'));
        await sleep(10);
      }
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
      await Promise.all(legacy.map(({ client }) => client.close()));
    },
  };
}

async function connect(url: string): Promise<{ readonly client: Client; readonly call: Call }> {
  const client = new Client({ name: 'caller', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return { client, call: (name, args) => client.callTool({ name, arguments: args }) };
}

function modernCall(url: string): Call {
  let id = 0;
  return async (name, args) => (await askModern(url, 'tools/call', { name, arguments: args }, { id: ++id })).result;
}
