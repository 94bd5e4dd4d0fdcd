// For tests: a small program that behaves as its first argument says. The second one is a port.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

const [behaviour = '', port = '0', detail = ''] = process.argv.slice(2);

function serve(status = 200): void {
  const server = createServer((_, response) => response.writeHead(status).end());
  server.listen(Number(port), '127.0.0.1', () => process.stderr.write(`2026-01-01T00:00:00.000Z warn listening on ${port}\n`));
}

switch (behaviour) {
  case 'serve':
    serve();
    break;
  case 'unready':
    serve(503);
    break;
  case 'stubborn':
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => process.stdout.write(`${signal} ignored\n`));
    serve();
    break;
  case 'crash':
    for (let line = 1; line <= 30; line++) process.stderr.write(`line ${line}\n`);
    process.exitCode = Number(detail);
    break;
  case 'flood':
    for (let round = 0; round < 20; round++) process.stdout.write('x'.repeat(1_000_000));
    for (let line = 0; line < 200_000; line++) process.stdout.write('noise\n');
    process.stdout.write('the last words', () => process.exit(3));
    break;
  case 'parent':
    // Leaves a process of its own behind, which holds the output open.
    spawn(process.execPath, [import.meta.filename, 'stubborn', detail], { stdio: 'inherit' });
    serve();
    break;
  default:
    throw new Error(`no such behaviour: ${behaviour}`);
}
