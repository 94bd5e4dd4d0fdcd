import { homedir } from 'node:os';
import { join } from 'node:path';

import { ask } from '../ask.ts';
import { type Environment, readOwn, readOwnIfThere, setIn } from '../environment.ts';
import { FetchFailed } from '../fetch-failed.ts';
import { tokenOf } from '../oauth.ts';
import type { Fetched } from '../refreshed.ts';
import { readGcpFile } from './credentials-file.ts';
import { tokenOfFile } from './token.ts';

/**
 * A token of the gateway's own identity.
 * @see https://cloud.google.com/docs/authentication/application-default-credentials
 */
export async function defaultToken(env: Environment, signal: AbortSignal): Promise<Fetched<string>> {
  const text = await fileOf(env);
  if (text === undefined) return metadataToken(env, signal);
  const file = readGcpFile(text);
  if (typeof file === 'string') throw new FetchFailed(`the file of the application default credentials ${file}`);
  // It is the operator's own.
  return tokenOfFile(file, { env, elsewhere: false }, signal);
}

async function fileOf(env: Environment): Promise<string | undefined> {
  const named = setIn(env, 'GOOGLE_APPLICATION_CREDENTIALS');
  if (named !== undefined) return readOwn(named, 'GOOGLE_APPLICATION_CREDENTIALS');
  const folder = setIn(env, 'CLOUDSDK_CONFIG') ?? join(setIn(env, 'HOME') ?? homedir(), '.config', 'gcloud');
  return readOwnIfThere(join(folder, 'application_default_credentials.json'), 'the application default credentials');
}

async function metadataToken(env: Environment, signal: AbortSignal): Promise<Fetched<string>> {
  const host = setIn(env, 'GCE_METADATA_HOST') ?? 'metadata.google.internal';
  const url = `http://${host}/computeMetadata/v1/instance/service-accounts/default/token`;
  try {
    return tokenOf(await ask({ url, headers: { 'metadata-flavor': 'Google' } }, signal), 'the metadata service');
  } catch (error) {
    const reason = error instanceof FetchFailed ? error.message : 'no answer';
    throw new FetchFailed(`there is no file of application default credentials, and the metadata service has no token (${reason})`);
  }
}
