import { lookup } from 'node:dns';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { scanObject } from '../../json/scan.ts';
import { CODECS } from '../../llm/codecs.ts';
import { fetchMedia, type Reach } from './fetch-media.ts';
import { wantedIn, withBytes } from './wanted.ts';

/** As if this machine were the Internet. */
const HERE: Reach = { protocols: ['http:'], kindOf: () => undefined, lookup };
const PNG = Buffer.from('89504e470d0a1a0a', 'hex');

let server: Server;
let origin: string;
let seen: { readonly url: string; readonly headers: NodeJS.Dict<string | string[]> }[];

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push({ url: request.url!, headers: request.headers });
    const [, what] = request.url!.split(/[/?]/);
    if (what === 'moved') response.writeHead(302, { location: '/image.png' }).end();
    else if (what === 'gone') response.writeHead(404).end('not here');
    else if (what === 'coded') response.writeHead(200, { 'content-type': 'image/png', 'content-encoding': 'gzip' }).end(PNG);
    else if (what === 'large') response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.alloc(21 * 1024 * 1024));
    else if (what === 'half')
      response.writeHead(200, { 'content-type': 'image/png', 'content-length': '9' }).write('x', () => response.destroy());
    else if (what === 'plain.png') response.writeHead(200, { 'content-type': 'binary/octet-stream' }).end(PNG);
    else if (what === 'unsaid') response.writeHead(200).end(PNG);
    else response.writeHead(200, { 'content-type': 'Image/PNG; charset=binary' }).end(PNG);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

beforeEach(() => {
  seen = [];
});

afterAll(() => void server.close());

const at = 'messages[0].content[0]';
const fetched = (path: string, reach?: Reach) => fetchMedia([{ url: `${origin}${path}`, at }], reach ?? HERE);

describe('what an address leads to', () => {
  test.each(['/image.png?sig=a%2Fb', '/plain.png'])('is fetched: %s', async (path) => {
    expect([...(await fetched(path)).values()]).toEqual([{ base64: PNG.toString('base64'), mediaType: 'image/png' }]);
    expect(seen).toHaveLength(1);
    expect(seen[0]!.url).toBe(path);
    for (const name of ['authorization', 'cookie', 'referer', 'user-agent']) expect(seen[0]!.headers).not.toHaveProperty(name);
  });

  test('is fetched once, however often it is named', async () => {
    const url = `${origin}/image.png`;
    expect(
      (
        await fetchMedia(
          [
            { url, at },
            { url, at: 'messages[2].content[0]' },
          ],
          HERE,
        )
      ).size,
    ).toBe(1);
    expect(seen).toHaveLength(1);
  });

  test.each([
    ['/moved', 'answered with status 302'],
    ['/gone', 'answered with status 404'],
    ['/coded', 'content coding that was not asked for'],
    ['/large', '20971520 bytes at most'],
    ['/half', 'cannot be fetched from'],
    ['/unsaid', 'does not say of what media type'],
  ])('is none where the server says so: %s', async (path, message) => {
    await expect(fetched(path)).rejects.toMatchObject({
      code: 'TK_UNSUPPORTED',
      param: at,
      message: expect.stringContaining(message) as string,
    });
    expect(seen).toHaveLength(1);
  });

  test('is told by its host alone where it cannot be had', async () => {
    const error: unknown = await fetched('/gone/secret-path?token=canary').catch((each: unknown) => each);
    expect(String(error)).not.toMatch(/secret-path|canary/);
  });

  test('has no way to what is no public address, however it is written', async () => {
    const { port } = server.address() as AddressInfo;
    const urls = [
      '127.0.0.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '0x7f000001',
      '2130706433',
      '127.1',
      'localhost',
      '0.0.0.0',
      '169.254.169.254',
    ];
    for (const host of urls) {
      const asking = fetchMedia([{ url: `https://${host}:${port}/image.png`, at }]);
      await expect(asking).rejects.toMatchObject({
        code: 'TK_UNSUPPORTED',
        message: expect.stringContaining('no public address') as string,
      });
    }
    expect(seen).toEqual([]);
  });

  test.each([
    ['http://example.com/a.png', 'https URL alone'],
    ['file:///etc/passwd', 'https URL alone'],
    ['ftp://example.com/a.png', 'https URL alone'],
    ['https://user:pass@example.com/a.png', 'has a login'],
    ['not a url', 'https URL alone'],
  ])('is not asked for: %s', async (url, message) => {
    await expect(fetchMedia([{ url, at }])).rejects.toThrow(message);
  });

  test('is no more than twenty things', async () => {
    const many = Array.from({ length: 21 }, (_, index) => ({ url: `${origin}/image.png?${index}`, at: `messages[${index}]` }));
    await expect(fetchMedia(many, HERE)).rejects.toMatchObject({ param: 'messages[20]' });
    expect(seen).toEqual([]);
  });
});

test('a conversation has its bytes in the place of their addresses, within results of tools as well', async () => {
  const image = { type: 'image', source: { type: 'url', url: `${origin}/image.png` } };
  const body = {
    model: 'm',
    max_tokens: 9,
    tools: [{ name: 'look', input_schema: { type: 'object' } }],
    messages: [
      { role: 'user', content: [image, { type: 'image', source: { type: 'url', url: 's3://bucket/a.png' } }] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'look', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [image] }] },
    ],
  };
  const said = CODECS['anthropic-messages'].decodeRequest(scanObject(Buffer.from(JSON.stringify(body))));
  const wanted = wantedIn(said, new Set(['image']));
  expect(wanted.map(({ at: place }) => place)).toEqual(['messages[0].content[0]', 'messages[2].content[0].content[0]']);
  expect(wantedIn(said, new Set(['file']))).toEqual([]);
  const { body: written, losses } = CODECS['bedrock-converse'].encodeRequest(withBytes(said, await fetchMedia(wanted, HERE)));
  const source = { format: 'png', source: { bytes: PNG.toString('base64') } };
  expect(losses).toEqual([]);
  expect(JSON.parse(JSON.stringify(written))).toMatchObject({
    messages: [
      { content: [{ image: source }, { image: { source: { s3Location: { uri: 's3://bucket/a.png' } } } }] },
      {},
      { content: [{ toolResult: { content: [{ image: source }] } }] },
    ],
  });
});
