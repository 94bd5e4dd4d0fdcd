import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { type Asked, formOf, reasonIn, tokenServer } from '../token-server.fixture.ts';
import { readGcpFile } from './credentials-file.ts';
import { defaultToken } from './default-credentials.ts';
import { federatedToken } from './federation.ts';
import { tokenOfFile } from './token.ts';

const NEVER = new AbortController().signal;
const CALLS = { env: {}, elsewhere: false };
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const TOKEN = { access_token: 'ya29.1', token_type: 'Bearer', expires_in: 3599 };
const IMPERSONATED = { accessToken: 'ya29.sa', expireTime: '2030-01-01T00:00:00Z' };
const EXCHANGE = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  scope: SCOPE,
  requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
};

const serviceAccount = (tokenUri: string, more: object = {}) =>
  JSON.stringify({
    type: 'service_account',
    project_id: 'p',
    private_key_id: 'key-1',
    private_key: PEM,
    client_email: 'sa@p.iam.gserviceaccount.com',
    token_uri: tokenUri,
    ...more,
  });

const external = (more: object) =>
  JSON.stringify({
    type: 'external_account',
    audience: '//iam.googleapis.com/x',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: 'https://sts.googleapis.com/v1/token',
    credential_source: { file: '/token' },
    ...more,
  });

const fetchOf = (text: string) => {
  const file = readGcpFile(text);
  if (typeof file === 'string') throw new Error(file);
  return tokenOfFile(file, CALLS, NEVER);
};

const decoded = (part: string | undefined): unknown => JSON.parse(Buffer.from(part ?? '', 'base64url').toString());

// https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
test('a service account signs what it asks for', async () => {
  const { url, asked } = await tokenServer(() => ({ body: TOKEN }));
  expect((await fetchOf(serviceAccount(`${url}/token`))).value).toBe('ya29.1');
  const { grant_type: grant, assertion = '' } = formOf(asked[0]!);
  expect(grant).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
  const [header, claims, signature = ''] = assertion.split('.');
  expect(decoded(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'key-1' });
  const { iat, exp, ...said } = decoded(claims) as { iat: number; exp: number };
  expect(said).toEqual({ iss: 'sa@p.iam.gserviceaccount.com', scope: SCOPE, aud: `${url}/token` });
  expect(exp - iat).toBe(3600);
  expect(verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
});

describe('a credentials file', () => {
  const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  test.each([
    ['canary', 'is no JSON object'],
    ['[]', 'is no JSON object'],
    ['null', 'is no JSON object'],
    ['{"type":"canary"}', 'has a "type" that is none of service_account, authorized_user, external_account'],
    [serviceAccount('https://t', { private_key: 'canary' }), 'has a "private_key" that cannot be read'],
    [serviceAccount('https://t', { private_key: ec.export({ type: 'pkcs8', format: 'pem' }) }), 'has a "private_key" that is no RSA key'],
    [serviceAccount('https://t', { client_email: 7 }), 'has no text "client_email"'],
    [serviceAccount('http://evil.example.com/'), 'has a "token_uri" that is no https URL'],
    ['{"type":"authorized_user","client_id":"c","client_secret":"canary"}', 'has no text "refresh_token"'],
    [external({ token_url: 'http://evil.example.com' }), 'has a "token_url" that is no https URL'],
    [external({ credential_source: 'canary' }), 'has no "credential_source"'],
    [
      external({ credential_source: { executable: { command: 'rm canary' } } }),
      'has a "credential_source" other than a file or a URL, which is not supported',
    ],
    [
      external({ credential_source: { environment_id: 'aws1', url: 'https://canary' } }),
      'has a "credential_source" other than a file or a URL, which is not supported',
    ],
    [external({ credential_source: { url: 'file:///canary' } }), 'has a "url" that is no https URL'],
    [external({ service_account_impersonation_url: 'x' }), 'has a "service_account_impersonation_url" that is no https URL'],
  ])('that cannot be used is refused without a word of it: %s', (text, problem) => {
    expect(readGcpFile(text)).toBe(problem);
  });

  test('of a user holds two secrets', () => {
    const text = '{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}';
    expect(readGcpFile(text)).toMatchObject({ type: 'authorized_user', secrets: ['s', 'r'] });
  });
});

// https://google.aip.dev/auth/4117
describe('another identity', () => {
  const FOLDER = mkdtempSync(join(tmpdir(), 'tierkit-gcp-'));

  test('is exchanged for the token in a file', async () => {
    const path = join(FOLDER, 'subject');
    writeFileSync(path, '{"t":"subject-1"}');
    const { url, asked } = await tokenServer(() => ({ body: TOKEN }));
    const source = { file: path, format: { type: 'json', subject_token_field_name: 't' } };
    expect((await fetchOf(external({ token_url: `${url}/sts`, credential_source: source }))).value).toBe('ya29.1');
    expect(formOf(asked[0]!)).toEqual({
      ...EXCHANGE,
      audience: '//iam.googleapis.com/x',
      subject_token: 'subject-1',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
  });

  test('is exchanged for the token at a URL, and then speaks in the name of a service account', async () => {
    const server = await tokenServer(({ path }) => {
      if (path === '/subject') return { body: ' subject-2\n' };
      return { body: path === '/sts' ? TOKEN : IMPERSONATED };
    });
    const { url, asked } = server;
    const fetched = await fetchOf(
      external({
        token_url: `${url}/sts`,
        credential_source: { url: `${url}/subject`, headers: { metadata: 'true', bad: 1 } },
        service_account_impersonation_url: `${url}/sa:generateAccessToken`,
      }),
    );
    expect(fetched).toEqual({ value: 'ya29.sa', expiresAt: Date.parse('2030-01-01T00:00:00Z') });
    expect(asked[0]!.headers).toMatchObject({ metadata: 'true' });
    expect(formOf(asked[1]!)['subject_token']).toBe('subject-2');
    expect(asked[2]!.headers.authorization).toBe('Bearer ya29.1');
    expect(JSON.parse(asked[2]!.body)).toEqual({ scope: [SCOPE], lifetime: '3600s' });
  });

  test('fails where its token is empty, its server refuses or the impersonation gives no time', async () => {
    const path = join(FOLDER, 'empty');
    writeFileSync(path, '\n');
    expect(await reasonIn(fetchOf(external({ credential_source: { file: path } })))).toBe('what credential_source leads to is empty');
    writeFileSync(path, 'x');
    const refusing = await tokenServer(() => ({ status: 400, body: { error: 'invalid_grant', error_description: 'canary' } }));
    const source = { credential_source: { file: path } };
    expect(await reasonIn(fetchOf(external({ ...source, token_url: refusing.url })))).toMatch(/status 400 \(invalid_grant\)$/);
    const timeless = await tokenServer((asked: Asked) => ({ body: asked.path === '/sts' ? TOKEN : { accessToken: 'canary' } }));
    const urls = { token_url: `${timeless.url}/sts`, service_account_impersonation_url: `${timeless.url}/sa` };
    expect(await reasonIn(fetchOf(external({ ...source, ...urls })))).toBe('the answer to the impersonation has no text "expireTime"');
  });
});

// https://cloud.google.com/iam/docs/workload-identity-federation-with-other-providers
test.each([
  [undefined, undefined],
  ['sa', 'sa%40my-project.iam.gserviceaccount.com'],
  ['sa@other.iam.gserviceaccount.com', 'sa%40other.iam.gserviceaccount.com'],
])('workload identity federation speaks in the name of %s', async (account, email) => {
  const { url, asked } = await tokenServer(({ path }) => ({ body: path === '/sts' ? TOKEN : IMPERSONATED }));
  const federation = { projectId: '12', pool: 'pool', provider: 'idp', account, accountProject: 'my-project' };
  const { value } = await federatedToken(federation, 'a.b.c', {}, NEVER, { sts: `${url}/sts`, iam: `${url}/iam` });
  expect(formOf(asked[0]!)).toEqual({
    ...EXCHANGE,
    audience: '//iam.googleapis.com/projects/12/locations/global/workloadIdentityPools/pool/providers/idp',
    subject_token: 'a.b.c',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  });
  expect(value).toBe(email === undefined ? 'ya29.1' : 'ya29.sa');
  expect(asked.slice(1).map(({ path }) => path)).toEqual(email === undefined ? [] : [`/iam/${email}:generateAccessToken`]);
});

// https://cloud.google.com/docs/authentication/application-default-credentials
describe('the gateway’s own identity', () => {
  const HOME = mkdtempSync(join(tmpdir(), 'tierkit-adc-'));
  const NO_FILE = { HOME, CLOUDSDK_CONFIG: join(HOME, 'absent') };

  test('is in the file that is named, and then in the well-known one; each is read again', async () => {
    const { url } = await tokenServer(({ path }) => ({ body: { ...TOKEN, access_token: path.slice(1) } }));
    const named = join(HOME, 'named.json');
    const known = join(HOME, '.config', 'gcloud');
    mkdirSync(known, { recursive: true });
    writeFileSync(named, serviceAccount(`${url}/named`));
    writeFileSync(join(known, 'application_default_credentials.json'), serviceAccount(`${url}/known`));
    expect((await defaultToken({ HOME, GOOGLE_APPLICATION_CREDENTIALS: named }, NEVER)).value).toBe('named');
    expect((await defaultToken({ HOME }, NEVER)).value).toBe('known');
    writeFileSync(named, serviceAccount(`${url}/rotated`));
    expect((await defaultToken({ HOME, GOOGLE_APPLICATION_CREDENTIALS: named }, NEVER)).value).toBe('rotated');
    writeFileSync(named, '{"type":"canary"}');
    const failed = await reasonIn(defaultToken({ HOME, GOOGLE_APPLICATION_CREDENTIALS: named }, NEVER));
    expect(failed).toMatch(/^the file of the application default credentials has a "type"/);
    expect(failed).not.toContain('canary');
  });

  test('whose named file is not there is not looked for elsewhere', async () => {
    const env = { ...NO_FILE, GOOGLE_APPLICATION_CREDENTIALS: join(HOME, 'absent.json') };
    expect(await reasonIn(defaultToken(env, NEVER))).toBe('GOOGLE_APPLICATION_CREDENTIALS cannot be read: ENOENT');
  });

  test('is that of the machine', async () => {
    const { url, asked } = await tokenServer(() => ({ body: TOKEN }));
    expect((await defaultToken({ ...NO_FILE, GCE_METADATA_HOST: url.slice(7) }, NEVER)).value).toBe('ya29.1');
    expect(asked[0]).toMatchObject({
      path: '/computeMetadata/v1/instance/service-accounts/default/token',
      headers: { 'metadata-flavor': 'Google' },
    });
  });

  test('is nowhere', async () => {
    const { url } = await tokenServer(() => ({ status: 404, body: 'canary' }));
    expect(await reasonIn(defaultToken({ ...NO_FILE, GCE_METADATA_HOST: url.slice(7) }, NEVER))).toMatch(
      /^there is no file of application default credentials, and the metadata service has no token \(.* answered with status 404\)$/,
    );
  });
});
