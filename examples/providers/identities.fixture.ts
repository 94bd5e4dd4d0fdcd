// For tests: the servers of Google and of Entra ID that give tokens for what a file has.
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';

import { type Fake, refusal, startFake } from './fake.fixture.ts';

const form = ({ body }: Parameters<Fake>[0]) => Object.fromEntries(new URLSearchParams(body.toString()));
const segment = (text = '') => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;

/**
 * A service account, and the server that its key file names.
 * @see https://developers.google.com/identity/protocols/oauth2/service-account#httprest
 */
export async function googleIdentity(token: string) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const email = 'tierkit@your-project.iam.gserviceaccount.com';
  const server = await startFake((request) => {
    const { grant_type: grant, assertion = '' } = form(request);
    const [head, claims, signature] = assertion.split('.');
    const { iss, scope, aud, exp } = segment(claims);
    const isSigned = verify(
      'RSA-SHA256',
      Buffer.from(`${head}.${claims}`),
      createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })),
      Buffer.from(signature ?? '', 'base64url'),
    );
    const isRight =
      grant === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
      iss === email &&
      scope === 'https://www.googleapis.com/auth/cloud-platform' &&
      aud === uri() &&
      Number(exp) * 1000 > Date.now();
    if (!isSigned || !isRight) return { status: 400, body: { error: 'invalid_grant' } };
    return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: 3599 } };
  }, undefined);
  const uri = () => `http://127.0.0.1:${server.port}/token`;
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return {
    file: JSON.stringify({
      type: 'service_account',
      project_id: 'your-project',
      private_key_id: 'k1',
      private_key: key,
      client_email: email,
      token_uri: uri(),
    }),
    close: () => server.close(),
  };
}

/** @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
export async function entra(secret: string, token: string) {
  const server = await startFake((request) => {
    const { client_id: id, client_secret: proof, grant_type: grant, scope } = form(request);
    if (request.url !== '/00000000-0000-0000-0000-000000000002/oauth2/v2.0/token') return refusal(404, 'no such tenant');
    const isRight =
      id === '00000000-0000-0000-0000-000000000001' &&
      proof === secret &&
      grant === 'client_credentials' &&
      scope === 'https://cognitiveservices.azure.com/.default';
    return isRight
      ? { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: 3599 } }
      : { status: 401, body: { error: 'invalid_client' } };
  }, undefined);
  return { url: `http://127.0.0.1:${server.port}`, close: () => server.close() };
}
