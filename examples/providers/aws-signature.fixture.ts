// For tests: Signature Version 4 from its specification, without any part of the gateway's own.
import { createHash, createHmac } from 'node:crypto';

import type { Recorded } from '../../gateway/recorder.fixture.ts';

export interface AwsKeys {
  readonly id: string;
  readonly secret: string;
  readonly region: string;
}

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest();
/** As RFC 3986 has it, which `encodeURIComponent` is not quite. */
const encoded = (text: string) =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * What is wrong with the signature of a request to Bedrock; undefined where it is right.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function wrongSignature({ method, url, headers, body }: Recorded, { id, secret, region }: AwsKeys): string | undefined {
  const date = String(headers['x-amz-date']);
  const scope = `${date.slice(0, 8)}/${region}/bedrock/aws4_request`;
  const found = /^AWS4-HMAC-SHA256 Credential=(\S+?), ?SignedHeaders=(\S+?), ?Signature=([\da-f]{64})$/.exec(
    headers['authorization'] ?? '',
  );
  if (found === null) return 'there is no signature';
  const [, credential, names, signature] = found;
  if (credential !== `${id}/${scope}`) return `the credential is ${credential}`;
  const signed = names!.split(';');
  for (const needed of ['host', 'x-amz-date']) if (!signed.includes(needed)) return `${needed} is not signed`;
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    method,
    // Every service but S3 encodes the path that is sent once more.
    path.split('/').map(encoded).join('/'),
    query,
    ...signed.map((name) => `${name}:${String(headers[name]).trim().replaceAll(/ +/g, ' ')}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const key = [date.slice(0, 8), region, 'bedrock', 'aws4_request'].reduce<Buffer | string>(hmac, `AWS4${secret}`);
  const right = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  return signature === right ? undefined : 'the signature is of another request';
}
