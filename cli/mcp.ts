import { type Command, parse, UsageError } from './command.ts';

const HELP = `Usage: tierkit mcp ls URL [OPTION…]
       tierkit mcp call URL NAME [JSON] [OPTION…]
       tierkit mcp inspect URL [OPTION…]

Speaks to an MCP endpoint as a client does, for instance to http://127.0.0.1:1975/mcp.

  ls        tools, prompts, resources and their templates, with the server of each where several are behind the endpoint
  call      calls a tool with its arguments, a JSON object, and prints what it answers. Exit code 1 when the tool says that it failed
  inspect   what the endpoint says of itself: era, protocol version, capabilities, instructions, headers of its answer

  --header 'NAME: VALUE'   sent with each request, such as 'authorization: Bearer …'; may be given several times
  --timeout DURATION       of each request (default 60s)
  --json                   print JSON
`;

export const mcp: Command = {
  name: 'mcp',
  summary: 'list, call and inspect what an MCP endpoint offers',
  help: HELP,
  async run(args) {
    const { values, positionals } = parse(args, {
      header: { type: 'string', multiple: true },
      timeout: { type: 'string', default: '60s' },
      json: { type: 'boolean' },
    });
    const [verb, url, ...rest] = positionals;
    const most = { ls: 0, call: 2, inspect: 0 }[verb ?? ''];
    if (most === undefined) throw new UsageError(`say ls, call or inspect${verb === undefined ? '' : `, not "${verb}"`}`);
    if (url === undefined) throw new UsageError('give the URL of an MCP endpoint, such as http://127.0.0.1:1975/mcp');
    if (rest.length > most) throw new UsageError(`${verb} takes no "${rest[most]}"`);
    const { runMcp } = await import('./mcp-client.ts');
    const { header: headers = [], timeout, json = false } = values;
    return runMcp({ verb: verb as 'ls' | 'call' | 'inspect', url, words: rest, headers, timeout, json });
  },
};
