// For tests, as a program: a server of MCP by standard input and output, which tells and does what it is asked for. It reads JSON by
// hand, so that what passes is seen as it was written.
import { createInterface } from 'node:readline';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const result = (id: string, value: string): void => say(`{"jsonrpc":"2.0","id":${id},"result":${value}}`);
const text = (id: string, value: string): void => result(id, `{"content":[{"type":"text","text":${JSON.stringify(value)}}]}`);

const TOOLS = ['echo', 'env', 'pid', 'crash', 'ask', 'progress', 'noise', 'stderr', 'late'];
const OBJECT = '{"type":"object"}';

interface Asked {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: Readonly<Record<string, string>>;
    readonly _meta?: { readonly progressToken?: number | string };
  };
  readonly result?: unknown;
}

if (process.argv.includes('--crash')) {
  process.stderr.write(`cannot start with ${process.env['TOKEN'] ?? 'nothing'}\n`);
  process.exit(3);
}
if (process.argv.includes('--stubborn')) process.on('SIGTERM', () => process.stderr.write('no\n'));
let asking: string | undefined;

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Asked;
  const id = /"id":\s*("[^"]*"|[\d.eE+-]+)/.exec(line)?.[1] ?? '';
  switch (message.method) {
    case 'initialize':
      say('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}');
      return result(
        id,
        '{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"fixture","version":"1"}}',
      );
    case 'tools/list':
      return result(id, `{"tools":[${TOOLS.map((name) => `{"name":"${name}","inputSchema":${OBJECT}}`).join(',')}]}`);
    case 'tools/call':
      return call(id, message.params ?? {}, line);
    case undefined:
      if (asking !== undefined) text(asking, `answered ${JSON.stringify(message.result)}`);
      asking = undefined;
  }
});
if (!process.argv.includes('--stubborn')) process.stdin.on('end', () => process.exit(0));
else setInterval(() => undefined, 1000);

function call(id: string, { name = '', arguments: args = {}, _meta }: NonNullable<Asked['params']>, line: string): void {
  switch (name) {
    case 'echo':
      return text(id, line);
    case 'env':
      return text(id, process.env[args['name'] ?? ''] ?? '(none)');
    case 'pid':
      return text(id, String(process.pid));
    case 'crash':
      process.exit(7);
      break;
    case 'ask':
      asking = id;
      return say('{"jsonrpc":"2.0","id":"s-1","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1,"x":1.50}}');
    case 'progress':
      say(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(_meta?.progressToken)},"progress":1}}`,
      );
      return text(id, 'done');
    case 'noise':
      say('this is no message');
      return text(id, 'done');
    case 'stderr':
      process.stderr.write(`the key is ${process.env['TOKEN']}\u001b[31m\n`);
      return text(id, 'done');
    case 'late':
      // After a time that no test waits for.
      setTimeout(() => text(id, 'late'), 600_000).unref();
      break;
    default:
      say(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32602,"message":"Unknown tool"}}`);
  }
}
