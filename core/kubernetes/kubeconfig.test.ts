import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { Credentials } from './credentials.ts';
import { readKubeconfig } from './kubeconfig.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const config = (server: string, user: string, more = '') => `
apiVersion: v1
kind: Config
current-context: x
clusters: [{name: c, cluster: {server: "${server}"${more}}}]
users: [{name: u, user: ${user}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: apps}}, {name: yonder, context: {cluster: c, user: u}}]
`;

async function access(user: string, more = '', server = 'https://k.test:6443/prefix/') {
  const credentials = await Credentials.load({ kubeconfig: write('config', config(server, user, more)) });
  return { credentials, ...(await credentials.access()) };
}

describe('credentials of a kubeconfig', () => {
  it.each([
    ['a token', '{token: t}', { authorization: 'Bearer t' }],
    ['a password', '{username: a, password: b}', { authorization: 'Basic YTpi' }],
    ['another account', '{token: t, as: bob}', { authorization: 'Bearer t', 'impersonate-user': 'bob' }],
    ['nothing', '{}', {}],
  ])('shows %s', async (_name, user, headers) => {
    expect((await access(user)).headers).toEqual(headers);
  });

  it('reads a token file, beside the kubeconfig, and again when it is told that the token is refused', async () => {
    write('token', 'one\n');
    const { credentials, headers } = await access('{token: old, tokenFile: token}');
    expect(headers).toEqual({ authorization: 'Bearer one' });
    write('token', 'two\n');
    credentials.renew();
    expect((await credentials.access()).headers).toEqual({ authorization: 'Bearer two' });
  });

  it('reads certificates, inline and as files, and what to check', async () => {
    write('pki/cert.pem', 'CERT');
    const user = `{client-certificate: pki/cert.pem, client-key-data: ${Buffer.from('KEY').toString('base64')}}`;
    const { tls, credentials } = await access(
      user,
      `, certificate-authority-data: ${Buffer.from('CA').toString('base64')}, tls-server-name: k.internal`,
    );
    expect(tls).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY', serverName: 'k.internal', verify: true });
    expect(credentials.server.href).toBe('https://k.test:6443/prefix');
    expect(credentials.namespace).toBe('apps');
    expect((await access('{}', ', insecure-skip-tls-verify: true')).tls.verify).toBe(false);
  });

  it('asks an exec plugin once for requests that come together', async () => {
    const credential = JSON.stringify({ status: { token: 'from-plugin' } });
    write(
      'plugin.mjs',
      `import { appendFileSync } from 'node:fs'; appendFileSync('${join(folder, 'calls')}', 'x'); console.log('${credential}');`,
    );
    const user = `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ${process.execPath}, args: [${join(folder, 'plugin.mjs')}]}}`;
    const { credentials } = await access(user);
    credentials.renew();
    const all = await Promise.all([credentials.access(), credentials.access(), credentials.access()]);
    expect(all.map(({ headers }) => headers['authorization'])).toEqual(Array(3).fill('Bearer from-plugin'));
    const { readFileSync } = await import('node:fs');
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('xx');
  });

  it('refuses to send a token in the clear, except to this machine', async () => {
    await expect(access('{token: t}', '', 'http://k.test')).rejects.toThrow('has no TLS');
    expect((await access('{token: t}', '', 'http://127.0.0.1:8001')).headers).toEqual({ authorization: 'Bearer t' });
    await expect(access('{}', ', proxy-url: "socks5://p"')).rejects.toThrow('http and https proxies are');
  });
});

describe('a kubeconfig', () => {
  it('is several files, of which the first one counts', () => {
    const one = write('1/config', config('https://one', '{token: t, client-key: k}'));
    const two = write('2/config', config('https://two', '{token: t2}').replace('name: c,', 'name: d,'));
    const merged = readKubeconfig([one, two]);
    expect(merged.clusters.map(({ name }) => name)).toEqual(['c', 'd']);
    expect(merged.users).toEqual([{ name: 'u', user: { token: 't', 'client-key': join(folder, '1/k') } }]);
  });

  it.each([
    ['an unknown context', 'yonde', 'has no context "yonde"; did you mean "yonder"? (its contexts: x, yonder)'],
    ['no current context', '', 'has no current-context; name one (its contexts: x, yonder)'],
  ])('says what is wrong: %s', (_name, context, message) => {
    const file = write('config', config('https://k', '{}').replace('current-context: x', ''));
    expect(() => readKubeconfig([file], context)).toThrow(message);
  });

  it.each([
    ['no such file', undefined, 'cannot be read: ENOENT'],
    ['no YAML, of which nothing is shown', 'token: "secret', 'is no YAML'],
    [
      'a cluster that is not there',
      config('https://k', '{}').replace('name: c,', 'name: other,'),
      'names the cluster "c", which is not there',
    ],
    ['a user who is not there', config('https://k', '{}').replace('name: u,', 'name: other,'), 'names the user "u", who is not there'],
    ['a server that is none', config('k', '{}'), 'the server of cluster "c" is no URL'],
  ])('says what is wrong: %s', (_name, text, message) => {
    const file = text === undefined ? join(folder, 'absent') : write('config', text);
    expect(() => readKubeconfig([file])).toThrow(message);
    expect(() => readKubeconfig([file])).not.toThrow('secret');
  });
});

describe('where the cluster is', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
  const account = 'var/run/secrets/kubernetes.io/serviceaccount';

  it('is the pod’s own, with a token that is read again', async () => {
    for (const [name, text] of Object.entries({ token: 'sa', 'ca.crt': 'CA', namespace: 'apps\n' })) write(`${account}/${name}`, text);
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      const credentials = await Credentials.load({ env: { ...env, HOME: folder }, root: folder });
      expect(credentials.namespace).toBe('apps');
      expect(credentials.server.href).toBe('https://10.96.0.1/');
      expect(await credentials.access()).toMatchObject({ headers: { authorization: 'Bearer sa' }, tls: { ca: 'CA', verify: true } });
      write(`${account}/token`, 'rotated');
      credentials.renew();
      expect((await credentials.access()).headers).toEqual({ authorization: 'Bearer rotated' });
    } finally {
      for (const name of Object.keys(env)) if (before[name] === undefined) delete process.env[name];
    }
  });

  it('is KUBECONFIG, or the home folder’s, before that', async () => {
    write('.kube/config', config('https://home', '{}'));
    expect((await Credentials.load({ env: { HOME: folder }, root: folder })).server.host).toBe('home');
    const KUBECONFIG = `${write('other', config('https://other', '{}'))}:${write('third', config('https://third', '{}'))}`;
    expect((await Credentials.load({ env: { HOME: folder, KUBECONFIG }, root: folder })).server.host).toBe('other');
  });

  it('is nowhere, and says so', async () => {
    await expect(Credentials.load({ env: { HOME: folder }, root: folder })).rejects.toThrow(
      `there is no Kubernetes cluster to use: no kubeconfig at ${folder}/.kube/config, and no service account of a pod`,
    );
    await expect(Credentials.load({ env, inCluster: true, root: folder })).rejects.toThrow(
      'is this process in a pod with automountServiceAccountToken?',
    );
  });
});
