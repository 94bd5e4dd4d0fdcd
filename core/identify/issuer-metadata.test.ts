import { generateKeyPairSync } from 'node:crypto';
import type { RequestListener } from 'node:http';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { FetchFailed } from '../providers/credentials/fetch-failed.ts';
import { type Running, serve } from './identify.fixture.ts';
import { discoveredKeys, fetchIssuerMetadata, issuerProblem, metadataUrls } from './issuer-metadata.ts';

let server: Running;
let answers: Record<string, unknown>;
const answer: RequestListener = ({ url }, response) => {
  const found = answers[url!];
  if (found === undefined) response.writeHead(404).end('canary');
  else if (typeof found === 'number') response.writeHead(found, { location: '/elsewhere' }).end('canary');
  else response.end(typeof found === 'string' ? found : JSON.stringify(found));
};
beforeEach(async () => {
  answers = {};
  server = await serve((request, response) => answer(request, response));
});
afterEach(() => server.close());

const asked = (): (string | undefined)[] => server.seen.map(({ url }) => url);
const failure = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FetchFailed)) throw new Error('did not fail as it should', { cause: error });
  expect(error.message).not.toContain('canary');
  return error.message.replace(/127\.0\.0\.1:\d+/, 'HOST');
};

it('asks where each standard has it', () => {
  expect(metadataUrls('https://a.example/realms/x', 'oauth-authorization-server')).toEqual([
    'https://a.example/.well-known/oauth-authorization-server/realms/x',
    'https://a.example/realms/x/.well-known/openid-configuration',
  ]);
  expect(metadataUrls('https://a.example/realms/x/', 'openid-configuration')).toEqual([
    'https://a.example/realms/x/.well-known/openid-configuration',
    'https://a.example/.well-known/openid-configuration/realms/x',
  ]);
  for (const issuer of ['https://a.example', 'https://a.example/'])
    expect(metadataUrls(issuer, 'openid-configuration')).toEqual(['https://a.example/.well-known/openid-configuration']);
});

it.each([
  ['urn:a', 'is no http or https URL'],
  ['https://u:p@a.example', 'has a user name or password in it'],
  ['https://a.example/?a=b', 'has a query or a fragment'],
  ['https://a.example/#a', 'has a query or a fragment'],
])('issuer %s: %s', async (issuer, problem) => {
  expect(issuerProblem(issuer)).toBe(problem);
  expect(await failure(fetchIssuerMetadata(issuer, 'openid-configuration', false))).toBe(`the issuer ${problem}`);
});

it('may have a path', () => {
  expect(issuerProblem('https://a.example/x')).toBeUndefined();
});

it('gives the metadata as it came, of the first document that is there', async () => {
  const issuer = `${server.url}/x`;
  const text = `{ "issuer":"${issuer}/", "odd": 1.0 }`;
  answers = { '/x/.well-known/openid-configuration': text };
  expect(await fetchIssuerMetadata(issuer, 'oauth-authorization-server', false)).toBe(text);
  expect(asked()).toEqual(['/.well-known/oauth-authorization-server/x', '/x/.well-known/openid-configuration']);
});

it.each([
  [{ issuer: 'https://other.example' }, 'the metadata of HOST is of another issuer'],
  [{}, 'the metadata of HOST has no text "issuer"'],
  ['canary', 'the metadata of HOST is no JSON object'],
  [`"${'x'.repeat(300_000)}"`, 'HOST answered with more than 262144 bytes'],
  [302, 'HOST answered with status 302'],
  [500, 'HOST answered with status 500'],
  [undefined, 'HOST answered with status 404'],
])('refuses %j', async (found, message) => {
  answers = { '/.well-known/oauth-authorization-server': found, '/elsewhere': { issuer: server.url } };
  expect(await failure(fetchIssuerMetadata(server.url, 'oauth-authorization-server', false))).toBe(message);
  expect(asked()).not.toContain('/elsewhere');
});

it('asks nothing of this machine for a resource of a cluster', async () => {
  expect(await failure(fetchIssuerMetadata(server.url, 'openid-configuration', true))).toBe('127.0.0.1 is a loopback address');
  expect(await failure(fetchIssuerMetadata(server.url.replace('127.0.0.1', 'localhost'), 'openid-configuration', true))).toBe(
    'localhost is this machine',
  );
  expect(server.seen).toEqual([]);
});

const download = (issuer: string, elsewhere = false) => {
  const source = discoveredKeys(issuer, elsewhere);
  if (!('download' in source)) throw new Error('does not find its keys by itself');
  return source.download();
};

it('finds the keys of an issuer', async () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const keys = { keys: [publicKey.export({ format: 'jwk' })] };
  answers = { '/.well-known/openid-configuration': { issuer: server.url, jwks_uri: `${server.url}/keys` }, '/keys': keys };
  expect(JSON.parse((await download(server.url)).text)).toEqual(keys);
});

it.each([
  [{ jwks_uri: 'ftp://a/keys' }, 'the metadata of HOST has a jwks_uri that is no https URL'],
  [{ jwks_uri: '/keys' }, 'the metadata of HOST has a jwks_uri that is no https URL'],
  [{ jwks_uri: 7 }, 'the metadata of HOST has no text "jwks_uri"'],
  [{}, 'the metadata of HOST has no text "jwks_uri"'],
])('refuses keys of %j', async (more, message) => {
  answers = { '/.well-known/oauth-authorization-server': { issuer: server.url, ...more } };
  expect(await failure(download(server.url))).toBe(message);
});
