// A bare proxy of Fastify and undici, the floor under a gateway that is built of the two: it takes the whole body, reads the model from it,
// sends it on as it came, and reads the usage from the answer. No routes, no keys, no metrics, no log.
//   node reference-proxy.ts PORT UPSTREAM_PORT
import fastify from 'fastify';
import { Pool } from 'undici';

const [port, upstreamPort] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: 256, pipelining: 1 });
const app = fastify({ logger: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/*', async (request, reply) => {
  const body = request.body as Buffer;
  const { model } = JSON.parse(body.toString()) as { model?: unknown };
  if (typeof model !== 'string') return reply.code(400).send({ error: { message: 'no model' } });
  const answer = await pool.request({
    method: 'POST',
    path: request.url,
    headers: { 'content-type': 'application/json' },
    body,
  });
  const type = answer.headers['content-type'];
  reply.code(answer.statusCode).header('content-type', type);
  if (type === 'text/event-stream') return reply.send(answer.body);
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  JSON.parse(bytes.toString());
  return reply.send(bytes);
});

await app.listen({ host: '127.0.0.1', port: port ?? 0 });
