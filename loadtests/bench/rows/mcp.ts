import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { startGateway } from '../gateway-process.ts';
import { mcpCall, type McpEra, mcpSession, mcpYaml, MCP_TOOL } from '../mcp-resources.ts';
import { measure } from '../measure.ts';
import { message, OTHER_CORE, start, stop } from '../processes.ts';
import { type Plan, type Row, type Run, writeConfig } from '../row.ts';
import { figuresAt, unaryRun } from './unary.ts';

interface Work {
  readonly name: string;
  readonly work: string;
  readonly connections: number;
  readonly client: McpEra;
  readonly server: McpEra;
  readonly servers: number;
  /** Tools are locked, and arguments checked. */
  readonly guarded: boolean;
  readonly bar: string;
}

const LEGACY = { client: 'legacy', server: 'legacy', servers: 1, guarded: false, bar: '' } as const;
const MODERN = { ...LEGACY, client: 'modern', server: 'modern' } as const;

const WORKS: readonly Work[] = [
  { ...LEGACY, name: 'mcp-1', work: 'MCP tools/call, sessions (2025-11-25)', connections: 1, bar: 'added p50 ≤ 0.5 ms' },
  { ...LEGACY, name: 'mcp-32', work: 'MCP tools/call, sessions (2025-11-25)', connections: 32, bar: '≥ 3,000 calls a core' },
  { ...LEGACY, name: 'mcp-two-32', work: 'the same, two servers', connections: 32, servers: 2 },
  { ...LEGACY, name: 'mcp-guarded-32', work: 'the same, tools locked, arguments checked', connections: 32, guarded: true },
  { ...MODERN, name: 'mcp-modern-1', work: 'MCP tools/call, stateless (2026-07-28)', connections: 1, bar: 'added p50 ≤ 0.5 ms' },
  { ...MODERN, name: 'mcp-modern-32', work: 'MCP tools/call, stateless (2026-07-28)', connections: 32, bar: '≥ 3,000 calls a core' },
  { ...MODERN, name: 'mcp-to-legacy-32', work: 'stateless client, server with sessions', connections: 32, server: 'legacy' },
  { ...LEGACY, name: 'mcp-to-modern-32', work: 'client with sessions, stateless server', connections: 32, server: 'modern' },
];

const MOCK = fileURLToPath(new URL('../mcp-mock.ts', import.meta.url));

/** Calls of tools of MCP servers. */
export const mcpRows: readonly Row[] = WORKS.map((work) => ({
  name: work.name,
  work: work.work,
  connections: work.connections,
  figures: figuresAt(work.connections),
  bar: work.bar,
  run: (plan) => run(work, plan),
}));

async function run({ client, server, servers, guarded, connections }: Work, plan: Plan): Promise<Run> {
  const mocks = await Promise.all(Array.from({ length: servers }, () => startMock(server)));
  try {
    const [{ port }] = mocks as [Mock];
    const target = { port, pid: undefined };
    const direct = await measure(target, mcpCall(server, MCP_TOOL.name, 'bench'), connections, {
      warmupSeconds: 1,
      seconds: plan.directSeconds,
    });
    const config = writeConfig(
      plan,
      mcpYaml(
        mocks.map((mock) => mock.port),
        guarded,
      ),
    );
    const gateway = await startGateway(config, plan.folder, true);
    try {
      const session = client === 'legacy' ? await mcpSession(gateway.port) : '';
      const name = servers > 1 ? `server-0__${MCP_TOOL.name}` : MCP_TOOL.name;
      const result = await measure(gateway, mcpCall(client, name, session), connections, plan);
      return unaryRun(result, direct, connections);
    } finally {
      await gateway.stop();
    }
  } finally {
    await Promise.all(mocks.map((mock) => mock.stop()));
  }
}

interface Mock {
  readonly port: number;
  stop(): Promise<void>;
}

async function startMock(era: McpEra): Promise<Mock> {
  const child: ChildProcess = start(OTHER_CORE, process.execPath, [MOCK], ['ignore', 'inherit', 'inherit', 'ipc']);
  child.send(era);
  const { port } = await message<{ port: number }>(child, 'the MCP server');
  return { port, stop: () => stop(child) };
}
