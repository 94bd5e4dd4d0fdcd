// For tests: stands in for Prometheus, Phoenix or docker. Answers any GET with how it was started and what it was sent.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const args = process.argv.slice(2);
const log = process.env['HOME'];
if (log !== undefined) appendFileSync(`${log}/started`, `${JSON.stringify(args)}\n`);

const listening = args.find((each) => each.startsWith('--web.listen-address='));
const phoenix = args.find((each) => each.startsWith('--env=PHOENIX_PORT='))?.slice('--env='.length) ?? `=${process.env['PHOENIX_PORT']}`;
const port = listening === undefined ? phoenix.slice(phoenix.lastIndexOf('=') + 1) : listening.slice(listening.lastIndexOf(':') + 1);

process.on('SIGTERM', () => {
  if (log !== undefined) appendFileSync(`${log}/started`, '["asked to end"]\n');
  process.exit();
});

const sent: string[] = [];
if (args[0] !== 'rm' && args[0] !== 'version') {
  const server = createServer((request, response) => {
    if (request.method === 'POST') sent.push(`${request.url} ${request.headers['content-type']}`);
    request.resume().on('end', () => response.end(JSON.stringify({ args, env: process.env, sent, pid: process.pid })));
  });
  server.listen(Number(port), '127.0.0.1');
}
