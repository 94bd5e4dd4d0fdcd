import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { hostOf } from '../request.ts';
import { type FeedQuestion, StatusFeed, type StatusFeedOptions } from './feed.ts';

/** Files of the page, by the path that they are served at. */
const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/status', 'index.html', 'text/html; charset=utf-8'],
  ['/status/icon.svg', 'icon.svg', 'image/svg+xml'],
  ...['base', 'page', 'table', 'request'].map((name) => [`/status/${name}.css`, `${name}.css`, 'text/css; charset=utf-8'] as const),
  ...['main', 'text', 'table', 'served', 'traffic', 'load', 'request'].map(
    (name) => [`/status/${name}.js`, `${name}.js`, 'text/javascript; charset=utf-8'] as const,
  ),
] as const;

/**
 * The page runs its own files and speaks with its own server. Nothing else can be loaded, framed or sent, and no text can become markup
 * or a script (Trusted Types, where the browser has them).
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

interface Query {
  readonly after?: string;
  readonly instance?: string;
  readonly generation?: string;
  readonly limits?: string;
}

/** The status page, at / and /status, and what it asks: /status/data. */
export function statusRoutes(app: FastifyInstance, options: StatusFeedOptions): void {
  const feed = new StatusFeed(options);
  for (const [path, file, type] of FILES) {
    const text = readFileSync(new URL(`page/${file}`, import.meta.url));
    app.get(path, { preHandler: ownName }, async (_request, reply) => reply.headers(HEADERS).type(type).send(text));
  }
  app.get<{ Querystring: Query }>('/status/data', { preHandler: ownName }, async ({ query }, reply) =>
    reply.headers(HEADERS).send(await feed.answer(questionOf(query))),
  );
}

function questionOf({ after, instance, generation, limits }: Query): FeedQuestion {
  return {
    after: numberOf(after) ?? 0,
    instance: numberOf(instance),
    generation: numberOf(generation),
    limits: typeof limits === 'string' ? limits : '',
  };
}

/** A parameter that is there twice is an array, and none that the page sends. */
function numberOf(text: unknown): number | undefined {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Where only this machine is listened to, a name that a stranger's page had resolve to it is refused: else that page could read all this
 * in the browser of whoever looks at it (DNS rebinding).
 */
async function ownName({ socket, headers }: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (!isLoopback(socket.localAddress ?? '')) return;
  const host = hostOf(headers.host);
  if (host === 'localhost' || host.endsWith('.localhost') || isLoopback(host)) return;
  await reply
    .code(403)
    .headers(HEADERS)
    .send({ error: `the status page is for this machine: open it as localhost, not as "${host.slice(0, 100)}"` });
}

function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/, '');
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
