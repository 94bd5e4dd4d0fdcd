import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { Environment } from '../environment.ts';
import { formOf, reasonIn, tokenServer } from '../token-server.fixture.ts';
import { defaultKeys } from './default-chain.ts';
import { profileKeys } from './shared-files.ts';
import { assumeRole } from './sts.ts';

const NEVER = new AbortController().signal;
const ROLE = { region: 'eu-west-1', roleArn: 'arn:aws:iam::1:role/r', sessionName: 'tierkit-a/b' };
const EXPIRATION = '2030-01-01T00:00:00Z';

// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
describe('a credentials file', () => {
  const FILE = `
# a comment
[default]
aws_access_key_id = AKIA1
aws_secret_access_key=se/cr+et#1  # of ours
region = x

[ work ] ; at work
AWS_ACCESS_KEY_ID=AKIA2
; aws_secret_access_key=commented
aws_secret_access_key = secret2
s3 =
  aws_secret_access_key = nested
aws_session_token = tok=en==

[profile named]
aws_access_key_id = AKIA3
[broken]
aws_access_key_id = AKIA4
aws_secret_access_key = a canary
[default]
aws_session_token =
`;

  test.each([
    ['default', { accessKeyId: 'AKIA1', secretAccessKey: 'se/cr+et#1', sessionToken: undefined }],
    ['work', { accessKeyId: 'AKIA2', secretAccessKey: 'secret2', sessionToken: 'tok=en==' }],
    ['named', 'has no aws_secret_access_key in profile "named"'],
    ['broken', 'has characters in aws_secret_access_key that no key of AWS has'],
    ['none', 'has no profile "none"'],
    ['constructor', 'has no profile "constructor"'],
  ])('has for the profile %s: %j', (profile, keys) => {
    expect(profileKeys(FILE, profile)).toEqual(keys);
    expect(profileKeys(`\uFEFF${FILE.trim().replaceAll('\n', '\r\n')}`, profile)).toEqual(keys);
  });

  test.each(['', 'canary', '[default', '[default]\n= canary', '[default]\naws_access_key_id'])('that is none has nothing: %j', (file) => {
    expect(profileKeys(file, 'default')).not.toContain('canary');
  });
});

const answerOfSts = (session = 'a&amp;b&lt;=') => `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>s</SubjectFromWebIdentityToken>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/tierkit</Arn><AssumedRoleId>ARO:tierkit</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIA1</AccessKeyId>
      <SecretAccessKey>se/cret</SecretAccessKey>
      <SessionToken>${session}</SessionToken>
      <Expiration>${EXPIRATION}</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>`;
const OF_STS = {
  value: { accessKeyId: 'ASIA1', secretAccessKey: 'se/cret', sessionToken: 'a&b<=' },
  expiresAt: Date.parse(EXPIRATION),
};

const assume = (url: string) => assumeRole({ ...ROLE, token: 'a.jwt.canary' }, { AWS_ENDPOINT_URL_STS: url }, NEVER);

// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
describe('a role for a web identity', () => {
  test('is assumed with its token', async () => {
    const { url, asked } = await tokenServer(() => ({ body: answerOfSts() }));
    expect(await assume(url)).toEqual(OF_STS);
    expect(formOf(asked[0]!)).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::1:role/r',
      RoleSessionName: 'tierkit-a-b',
      WebIdentityToken: 'a.jwt.canary',
    });
  });

  test.each([
    [
      400,
      '<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>canary</Message></Error></ErrorResponse>',
      /400 \(ExpiredTokenException\)$/,
    ],
    [403, '<ErrorResponse><Error><Code>canary</Code></Error></ErrorResponse>', /403$/],
    [200, '<html>canary</html>', /has no Credentials$/],
    [200, answerOfSts('').replace('<SessionToken></SessionToken>', ''), /has no SessionToken$/],
    [200, answerOfSts().replace(EXPIRATION, 'canary'), /has no credentials$/],
    [200, answerOfSts('can\nary'), /has no credentials$/],
    [200, '</Credentials><Credentials>', /has no Credentials$/],
  ])('fails in words of our own: %d %s', async (status, body, reason) => {
    const { url } = await tokenServer(() => ({ status, body }));
    const failed = await reasonIn(assume(url));
    expect(failed).toMatch(reason);
    expect(failed).not.toContain('canary');
  });
});

const HOME = mkdtempSync(join(tmpdir(), 'tierkit-aws-'));
const file = (name: string, text: string): string => {
  const path = join(HOME, name);
  writeFileSync(path, text);
  return path;
};
const inProfile = (id: string, profile = 'default') => `[${profile}]\naws_access_key_id=${id}\naws_secret_access_key=s\n`;
const ROLE_KEYS = { Code: 'Success', AccessKeyId: 'ASIA2', SecretAccessKey: 's2', Token: 't2', Expiration: EXPIRATION };
const OF_ROLE = { value: { accessKeyId: 'ASIA2', secretAccessKey: 's2', sessionToken: 't2' }, expiresAt: Date.parse(EXPIRATION) };
const NO_INSTANCE = { HOME, AWS_EC2_METADATA_DISABLED: 'true' };

const keys = (env: Environment) => defaultKeys({ region: ROLE.region, sessionName: 's', env: { ...NO_INSTANCE, ...env } }, NEVER);

// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
describe('the gateway’s own identity', () => {
  test('is in the variables before all else, and does not end', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 'B', AWS_ROLE_ARN: 'r', AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere' };
    expect(await keys(env)).toEqual({ value: { accessKeyId: 'A', secretAccessKey: 'B', sessionToken: undefined }, expiresAt: undefined });
    expect((await keys({ ...env, AWS_SESSION_TOKEN: 'C' })).value.sessionToken).toBe('C');
  });

  test('is a role for the token in a file, which is read each time', async () => {
    const { url, asked } = await tokenServer(() => ({ body: answerOfSts() }));
    const env = { AWS_ROLE_ARN: 'arn', AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'first\n'), AWS_ENDPOINT_URL_STS: url };
    expect(await keys(env)).toEqual(OF_STS);
    file('token', 'second');
    await keys(env);
    expect(asked.map((one) => formOf(one)['WebIdentityToken'])).toEqual(['first', 'second']);
  });

  test('whose file cannot be read is not looked for elsewhere', async () => {
    const env = { AWS_ROLE_ARN: 'arn', AWS_WEB_IDENTITY_TOKEN_FILE: join(HOME, 'absent') };
    expect(await reasonIn(keys(env))).toBe('AWS_WEB_IDENTITY_TOKEN_FILE cannot be read: ENOENT');
  });

  test('is what the service of a container gives', async () => {
    const { url, asked } = await tokenServer(() => ({ body: ROLE_KEYS }));
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/get?x=1`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'plain' };
    expect(await keys(env)).toEqual(OF_ROLE);
    await keys({ ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file('pod-token', 'of-file\n') });
    expect(asked.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/get?x=1', 'plain'],
      ['/get?x=1', 'of-file'],
    ]);
  });

  test.each(['http://evil.example.com/', 'http://169.254.169.254/', 'no url', 'file:///etc/passwd'])(
    'is not asked for in the clear at %s',
    async (url) => {
      expect(await reasonIn(keys({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url }))).toMatch(/is neither https nor an address of the container/);
    },
  );

  test('does not leave the container by a trick in the relative address', async () => {
    expect(await reasonIn(keys({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '@evil.example.com/' }))).toMatch(/is neither https nor/);
  });

  test('is in the shared file, which is read again as it may change', async () => {
    const path = file('credentials', inProfile('A') + inProfile('B', 'work'));
    const env = { AWS_SHARED_CREDENTIALS_FILE: path };
    expect(await keys(env)).toMatchObject({ value: { accessKeyId: 'A' }, expiresAt: undefined, againMs: 300_000 });
    expect(await keys({ ...env, AWS_PROFILE: 'work' })).toMatchObject({ value: { accessKeyId: 'B' } });
    file('credentials', inProfile('C'));
    expect(await keys(env)).toMatchObject({ value: { accessKeyId: 'C' } });
    expect(await reasonIn(keys({ ...env, AWS_PROFILE: 'work' }))).toBe('the shared credentials file has no profile "work"');
    expect(await reasonIn(keys({ AWS_SHARED_CREDENTIALS_FILE: join(HOME, 'absent') }))).toBe('the shared credentials file is not there');
  });

  test('is nowhere', async () => {
    expect(await reasonIn(keys({}))).toBe('no credentials in the environment, in the shared credentials file or of a container');
  });

  const INSTANCE = { AWS_EC2_METADATA_DISABLED: undefined };

  test('is the role of the instance, for a token of its metadata service', async () => {
    const { url, asked } = await tokenServer(({ path }) => {
      if (path === '/latest/api/token') return { body: 'imds-token' };
      return { body: path.endsWith('/') ? 'my-role\n' : ROLE_KEYS };
    });
    expect(await keys({ ...INSTANCE, AWS_EC2_METADATA_SERVICE_ENDPOINT: `${url}/` })).toEqual(OF_ROLE);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'PUT /latest/api/token',
      'GET /latest/meta-data/iam/security-credentials/',
      'GET /latest/meta-data/iam/security-credentials/my-role',
    ]);
    expect(asked[0]!.headers['x-aws-ec2-metadata-token-ttl-seconds']).toBe('21600');
    expect(asked.slice(1).map(({ headers }) => headers['x-aws-ec2-metadata-token'])).toEqual(['imds-token', 'imds-token']);
  });

  test.each([
    [
      () => ({ status: 403, body: '' }),
      /^no credentials in .*, and the instance’s metadata service has none \(.* answered with status 403\)$/,
    ],
    [({ path }: { path: string }) => ({ body: path.endsWith('token') ? 't' : '<html>' }), /^the instance has no role$/],
    [
      ({ path }: { path: string }) => ({
        body: path.endsWith('s/') ? 'r' : path.endsWith('token') ? 't' : { ...ROLE_KEYS, Code: 'Failed' },
      }),
      /is no success$/,
    ],
    [
      ({ path }: { path: string }) => ({
        body: path.endsWith('s/') ? 'r' : path.endsWith('token') ? 't' : { ...ROLE_KEYS, Expiration: 1 },
      }),
      /has no text "Expiration"$/,
    ],
  ])('is not had from an instance that answers otherwise: %#', async (answer, reason) => {
    const { url } = await tokenServer(answer);
    expect(await reasonIn(keys({ ...INSTANCE, AWS_EC2_METADATA_SERVICE_ENDPOINT: url }))).toMatch(reason);
  });
});
