import { type Command, durationOf, parse, UsageError } from './command.ts';

const HELP = `Usage: tierkit mcp ls URL [OPTION…]
       tierkit mcp call URL NAME [JSON] [OPTION…]
       tierkit mcp inspect URL [OPTION…]
       tierkit mcp lock [--check] [OPTION…]

Speaks to an MCP endpoint as a client does, for instance to http://127.0.0.1:1975/mcp.

  ls        tools, prompts, resources and their templates, with the server of each where several are behind the endpoint
  call      calls a tool with its arguments, a JSON object, and prints what it answers. Exit code 1 when the tool says that it failed
  inspect   what the endpoint says of itself: era, protocol version, capabilities, instructions, headers of its answer
  lock      prints the MCPToolLock of what the servers of a running gateway say of their tools now: tierkit mcp lock > tools.lock.yaml.
            With --check, how it differs from the lock that holds. Exit code 1 when it does

  --admin URL              admin address of the gateway, for lock (default http://127.0.0.1:1064)
  --route NAMESPACE/NAME   of the MCPRoute, for lock (default: all)
  --header 'NAME: VALUE'   sent with each request, such as 'authorization: Bearer …'; may be given several times
  --timeout DURATION       of each request (default 60s)
  --json                   print JSON
`;

export const mcp: Command = {
  name: 'mcp',
  summary: 'list, call, inspect and lock what MCP servers offer',
  help: HELP,
  async run(args) {
    const { values, positionals } = parse(args, {
      header: { type: 'string', multiple: true },
      timeout: { type: 'string', default: '60s' },
      json: { type: 'boolean' },
      check: { type: 'boolean' },
      admin: { type: 'string' },
      route: { type: 'string' },
    });
    const [verb, url, ...rest] = positionals;
    const { header: headers = [], timeout, json = false, check = false, admin, route } = values;
    if (verb === 'lock') {
      if (url !== undefined) throw new UsageError(`lock asks a gateway by its admin address: --admin ${url}`);
      const { runMcpLock } = await import('./mcp-lock.ts');
      const timeoutMs = durationOf(timeout, 'timeout', '60s');
      return runMcpLock({ admin: admin ?? 'http://127.0.0.1:1064', route, headers, timeoutMs, check });
    }
    const most = { ls: 0, call: 2, inspect: 0 }[verb ?? ''];
    if (most === undefined) throw new UsageError(`say ls, call, inspect or lock${verb === undefined ? '' : `, not "${verb}"`}`);
    for (const [option, value] of Object.entries({ check, admin, route }))
      if (value !== undefined && value !== false) throw new UsageError(`--${option} is for lock`);
    if (url === undefined) throw new UsageError('give the URL of an MCP endpoint, such as http://127.0.0.1:1975/mcp');
    if (rest.length > most) throw new UsageError(`${verb} takes no "${rest[most]}"`);
    const { runMcp } = await import('./mcp-client.ts');
    return runMcp({ verb: verb as 'ls' | 'call' | 'inspect', url, words: rest, headers, timeout, json });
  },
};
