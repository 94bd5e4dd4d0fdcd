import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';

import { afterEach, describe, expect, it } from 'vitest';

import { selfSigned } from '#core/http/self-signed';

import { startGateway } from './gateway.fixture.ts';
import { startOrigin } from './origin.fixture.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const A = selfSigned(['a.example.com']);
const B = selfSigned(['b.example.com', '*.b.example.com']);

function secretYaml(name: string, { cert, key }: { cert: string; key: string }): string {
  return `
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
stringData: {tls.crt: ${JSON.stringify(cert)}, tls.key: ${JSON.stringify(key)}}
`;
}

function yamlOf(port: number, listeners: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [${listeners}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: b}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: b}]
  - matches: [{path: {value: /moved}}]
    filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /there}}}]
`;
}

/** One request on a connection of its own: the certificate's name, and the answer's text. */
function ask(port: number, options: ConnectionOptions, path = '/', host = 'a.example.com'): Promise<{ shown: string; text: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      const shown = String(socket.getPeerCertificate().subject?.CN);
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
      socket.on('data', (data) => (text += data.toString()));
      socket.on('end', () => resolve({ shown, text }));
    });
    socket.on('error', reject);
  });
}

const TWO =
  '{name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {certificateRefs: [{name: a}]}}, ' +
  '{name: b, port: 443, protocol: HTTPS, hostname: "*.example.com", tls: {certificateRefs: [{name: b}]}}';

async function start(listeners = TWO, secrets = secretYaml('a', A) + secretYaml('b', B)) {
  const origin = await startOrigin('b', (request, response) => response.end(`proto=${String(request.headers['x-forwarded-proto'])}`));
  const gateway = await startGateway({ yaml: yamlOf(origin.port, listeners) + secrets });
  closers.push(
    () => origin.close(),
    () => gateway.close(),
  );
  return { gateway, port: [...gateway.tier.ports.values()][0]! };
}

describe('a listener of HTTPS', () => {
  it.each([
    ['a.example.com', 'a.example.com'],
    ['x.b.example.com', 'b.example.com'],
    // None is for it: the first of its listener.
    ['c.example.com', 'b.example.com'],
  ])('shows a client that asks for %s the certificate of %s', async (servername, expected) => {
    const { port } = await start();
    const { shown, text } = await ask(port, { servername }, '/', servername);
    expect(shown).toBe(expected);
    expect(text).toContain('proto=https');
  });

  it('shows the first one to a client that asks for none', async () => {
    const { port } = await start();
    expect((await ask(port, {})).shown).toBe('a.example.com');
  });

  it('redirects to where it is itself', async () => {
    const { port } = await start();
    expect((await ask(port, { servername: 'a.example.com' }, '/moved')).text).toContain('location: https://a.example.com/there\r\n');
  });

  it('is verified by a client that trusts its certificate', async () => {
    const { port } = await start();
    const { text } = await ask(port, { servername: 'a.example.com', ca: A.cert, rejectUnauthorized: true });
    expect(text).toMatch(/^HTTP\/1\.1 200/);
  });

  it('speaks no plain HTTP and no old TLS', async () => {
    const { port } = await start();
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
    await expect(ask(port, { servername: 'a.example.com', maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow(
      /protocol|alert|version/i,
    );
  });
});

describe('certificates that cannot be had', () => {
  it.each([
    ['no Secret', '', 'spec.listeners[0].tls.certificateRefs[0].name: there is no Secret default/a'],
    ['no key', secretYaml('a', { cert: A.cert, key: '' }), 'Secret a has no certificate and key in PEM under tls.crt and tls.key'],
    [
      "another certificate's key",
      secretYaml('a', { cert: A.cert, key: B.key }),
      'Secret a has a tls.key that is not the key of its tls.crt',
    ],
    ['no PEM', secretYaml('a', { cert: 'canary', key: 'canary' }), 'Secret a has no certificate and key in PEM under tls.crt and tls.key'],
  ])('%s', async (_name, secret, problem) => {
    const only = '{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: a}]}}';
    const failure = await start(only, secret).then(
      () => '',
      (error: unknown) => String(error),
    );
    expect(failure).toContain(problem);
    expect(failure).not.toContain('canary');
    expect(failure).not.toContain('PRIVATE');
  });
});

it('a new certificate is shown from the next connection on, and the connections that are open go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-https-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  const origin = await startOrigin('b');
  const file = join(folder, 'all.yaml');
  const listener = '{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: a}]}}';
  writeFileSync(file, yamlOf(origin.port, listener) + secretYaml('a', A));
  const gateway = await startGateway({ paths: [folder] });
  closers.push(
    () => origin.close(),
    () => gateway.close(),
  );
  const port = [...gateway.tier.ports.values()][0]!;
  const open = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const answers: string[] = [];
  open.on('data', (data) => answers.push(data.toString()));
  const askOpen = async (): Promise<void> => {
    const before = answers.length;
    open.write('GET / HTTP/1.1\r\nhost: a.example.com\r\n\r\n');
    while (answers.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await askOpen();
  writeFileSync(file, yamlOf(origin.port, listener) + secretYaml('a', B));
  expect(await gateway.tier.reload('test')).toBe(true);
  expect((await ask(port, {})).shown).toBe('b.example.com');
  expect((await ask(port, { servername: 'x.b.example.com' })).shown).toBe('b.example.com');
  await askOpen();
  expect(answers.join('')).toMatch(/^(?:HTTP\/1\.1 200[^]*){2}$/);
  open.destroy();
});
