import { watchKeys, type WatchedKeys } from '../gateway/mcp/sealed/keys.ts';
import { CommandError } from './command.ts';
import { log } from './serve.ts';

/** Options of the MCP gateway. */
export const MCP_OPTIONS = {
  'mcp-session-keys': { type: 'string' },
  'mcp-config': { type: 'string' },
} as const;

export const MCP_HELP = `  --mcp-config FILE          MCP servers as Claude and VS Code name them ({"mcpServers": …} or {"servers": …}), at /mcp of the one Gateway:
                             URLs, and programs of this machine, which are started. Read once, at the start
  --mcp-session-keys FILE    secrets that seal sessions of MCP, "ID:SECRET" a line, the first one seals, all open (openssl rand -base64 32).
                             Replicas with one file share sessions (default: a secret of this process alone)
`;

/** @returns undefined: this process has keys of its own. @throws CommandError */
export function sessionKeysOf(file: string | undefined): WatchedKeys | undefined {
  if (file === undefined) return undefined;
  const keys = watchKeys(file, (message) => log('warn', `--mcp-session-keys: ${message}`));
  if (typeof keys === 'string') throw new CommandError(`--mcp-session-keys: ${keys}`);
  return keys;
}
