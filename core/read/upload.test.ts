import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';

import { GatewayError } from '../errors.ts';

import { Upload } from './upload.ts';

const MiB = 1024 * 1024;
const HEAD =
  '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n';
const TAIL = '\r\n--b--\r\n';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

interface Client {
  readonly socket: Socket;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** A chunk of the body. */
  send(bytes: Buffer | string): void;
  end(): void;
  /** What came back. */
  received(): string;
}

/** A request with a chunked body on a real connection, which is sent as the test goes along. */
async function client(contentType = 'multipart/form-data; boundary=b'): Promise<Client> {
  const requests: [IncomingMessage, ServerResponse][] = [];
  const server = createServer((request, response) => void requests.push([request, response]));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString();
  });
  cleanups.push(() => {
    socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentType}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  while (requests.length === 0) await sleep(1);
  const [request, response] = requests[0]!;
  return {
    socket,
    request,
    response,
    send(bytes) {
      const chunk = Buffer.from(bytes as string);
      socket.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
    },
    end: () => void socket.write('0\r\n\r\n'),
    received: () => received,
  };
}

function open({ request }: Client, limit = 100 * MiB, timeoutMs = 0): Promise<Upload> {
  return Upload.open(request, limit, timeoutMs);
}

async function whole(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

async function failure(promise: Promise<unknown>): Promise<GatewayError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof GatewayError)) throw new Error('did not fail by a GatewayError', { cause: error });
  return error;
}

describe('an upload', () => {
  test('is passed on as it comes, before it is whole', async () => {
    const from = await client();
    from.send(HEAD);
    const upload = await open(from);
    expect(upload.model.value).toBe('whisper');
    const body = upload.body(undefined);
    const seen: string[] = [];
    body.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    from.send('first');
    while (!seen.join('').endsWith('first')) await sleep(1);
    from.send('second');
    while (!seen.join('').endsWith('second')) await sleep(1);
    from.send(TAIL);
    from.end();
    await new Promise((resolve) => body.once('end', resolve));
    expect(seen.join('')).toBe(`${HEAD}firstsecond${TAIL}`);
  });

  test('gets another model in its form, and nothing else changes', async () => {
    const from = await client();
    from.send(HEAD.slice(0, 60));
    from.send(HEAD.slice(60));
    from.send(`abc${TAIL}`);
    from.end();
    const upload = await open(from);
    expect(await whole(upload.body('a-longer-name'))).toBe(`${HEAD.replace('whisper', 'a-longer-name')}abc${TAIL}`);
    expect(await whole(upload.body('w'))).toBe(`${HEAD.replace('whisper', 'w')}abc${TAIL}`);
    expect(await whole(upload.body('whisper'))).toBe(`${HEAD}abc${TAIL}`);
  });

  test('the model may stand behind the file', async () => {
    const form = `--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n${'x'.repeat(300_000)}\r\n--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper${TAIL}`;
    const from = await client();
    from.send(form);
    from.end();
    const upload = await open(from);
    expect(await whole(upload.body('other'))).toBe(form.replace('whisper', 'other'));
  });

  test('is sent again from its beginning, also when the first attempt ended in the middle', async () => {
    const from = await client();
    from.send(HEAD);
    const upload = await open(from);
    const first = upload.body(undefined);
    first.resume();
    from.send('a'.repeat(1000));
    while (first.readableLength === 0 && !first.readableDidRead) await sleep(1);
    await sleep(5);
    first.destroy();
    from.send('b'.repeat(1000));
    await sleep(5);
    expect(upload.replayable).toBe(true);
    const second = upload.body('w');
    from.send(TAIL);
    from.end();
    expect(await whole(second)).toBe(`${HEAD.replace('whisper', 'w')}${'a'.repeat(1000)}${'b'.repeat(1000)}${TAIL}`);
  });

  test('what comes between two attempts is not lost, however much it is', async () => {
    const from = await client();
    from.send(HEAD);
    const upload = await open(from);
    const first = upload.body(undefined);
    first.resume();
    from.send('a');
    await sleep(10);
    first.destroy();
    // More than is kept for a second attempt: it must wait for that attempt, not be dropped.
    const content = Buffer.alloc(12 * MiB, 'x');
    from.send(content);
    from.send(TAIL);
    from.end();
    await sleep(50);
    expect(upload.replayable).toBe(true);
    const sent = await whole(upload.body(undefined));
    expect(sent).toHaveLength(HEAD.length + 1 + content.length + TAIL.length);
    expect(sent.startsWith(`${HEAD}ax`)).toBe(true);
    expect(upload.replayable).toBe(false);
  });

  test('one that is larger than what is kept arrives whole, and only once', async () => {
    const from = await client();
    from.send(HEAD);
    const upload = await open(from);
    const content = Buffer.alloc(9 * MiB, 'y');
    from.send(content);
    from.send(TAIL);
    from.end();
    expect(await whole(upload.body('w'))).toHaveLength(HEAD.length - 6 + content.length + TAIL.length);
    expect(upload.replayable).toBe(false);
  });

  test('a backend that does not read makes the client wait', async () => {
    const from = await client();
    from.send(HEAD);
    const upload = await open(from);
    upload.body(undefined);
    from.send(Buffer.alloc(6 * MiB));
    await sleep(100);
    expect(from.socket.writableLength).toBeGreaterThan(0);
  });
});

describe('an upload fails', () => {
  test.each([
    ['application/json', 'TK_MEDIA_TYPE'],
    ['multipart/form-data', 'TK_MEDIA_TYPE'],
    ['multipart/form-data; boundary=a; boundary=b', 'TK_MEDIA_TYPE'],
  ])('of the type %s', async (type, code) => {
    expect((await failure(open(await client(type)))).code).toBe(code);
  });

  test.each([
    ['without the field', HEAD.replace('"model"', '"other"') + TAIL, 'TK_MODEL_REQUIRED'],
    ['without an end', HEAD.replace('"model"', '"other"'), 'TK_BAD_REQUEST'],
    ['that is no form', 'x'.repeat(10_000), 'TK_BAD_REQUEST'],
    ['with two models at once', `${HEAD}x\r\n${HEAD}x${TAIL}`, 'TK_BAD_REQUEST'],
  ])('%s', async (_, body, code) => {
    const from = await client();
    from.send(body);
    from.end();
    expect((await failure(open(from))).code).toBe(code);
  });

  test('when a second model comes later, before the backend has the end of the form', async () => {
    const from = await client();
    from.send(HEAD);
    const upload = await open(from);
    const body = upload.body(undefined);
    const seen: string[] = [];
    body.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    const failed = failure(new Promise((_, reject) => body.once('error', reject)));
    from.send('x'.repeat(1000));
    from.send(`\r\n${HEAD.replace('whisper', 'dear')}x${TAIL}`);
    const error = await failed;
    expect(error).toMatchObject({ code: 'TK_BAD_REQUEST', message: 'the form has the field "model" twice' });
    expect(seen.join('')).not.toContain('dear');
  });

  test('when its client leaves before the model', async () => {
    const from = await client();
    from.send(HEAD.slice(0, 40));
    const opened = failure(open(from));
    await sleep(10);
    from.socket.destroy();
    expect((await opened).code).toBe('TK_BAD_REQUEST');
  });

  test('when its client leaves behind the model', async () => {
    const from = await client();
    from.send(HEAD);
    const upload = await open(from);
    const sent = failure(whole(upload.body(undefined)));
    from.socket.destroy();
    expect((await sent).code).toBe('TK_BAD_REQUEST');
    // A later attempt must not send half of it.
    expect((await failure(whole(upload.body(undefined)))).code).toBe('TK_BAD_REQUEST');
  });

  test('when it is larger than the limit', async () => {
    const early = await client();
    early.send(Buffer.alloc(2000));
    expect((await failure(open(early, 1000))).code).toBe('TK_LENGTH');

    const late = await client();
    late.send(HEAD);
    const upload = await open(late, 1000);
    late.send(Buffer.alloc(2000));
    expect((await failure(whole(upload.body(undefined)))).code).toBe('TK_LENGTH');
  });

  test('when it takes too long, counted from its beginning', async () => {
    const early = await client();
    expect((await failure(open(early, MiB, 30))).code).toBe('TK_TIMEOUT_REQUEST');

    const late = await client();
    const startedAt = performance.now();
    const opened = open(late, MiB, 400);
    await sleep(300);
    late.send(HEAD);
    const upload = await opened;
    expect((await failure(whole(upload.body(undefined)))).code).toBe('TK_TIMEOUT_REQUEST');
    expect(performance.now() - startedAt).toBeLessThan(680);
  });
});

test('an upload that is not wanted any more is read to its end, so that its connection can be used again', async () => {
  const from = await client();
  from.send(HEAD);
  const upload = await open(from);
  const body = upload.body(undefined);
  body.resume();
  from.send(Buffer.alloc(MiB));
  await sleep(10);
  body.destroy();
  from.response.end('refused');
  upload.release();
  from.send(Buffer.alloc(3 * MiB));
  from.end();
  await new Promise<void>((resolve) => {
    from.request.once('end', resolve);
  });
  expect(from.response.writableFinished).toBe(true);
  expect(from.received()).toContain('refused');
});
