// For tests: backends whose credentials are those of a cloud.
import { hash } from 'node:crypto';

import { authorizationOf } from '#core/providers/credentials/aws/sigv4';

import type { Received } from './upstream.fixture.ts';

/** A BackendSecurityPolicy `a` for the AIServiceBackend `a`, and its Secret `s` with one entry. */
export const policyYaml = (spec: string, entry: string, text: string) => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: a}
spec: {${spec}, targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: a}]}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {${entry}: ${JSON.stringify(text)}}`;

export const AWS = 'type: AWSCredentials, awsCredentials: {region: us-west-2, credentialsFile: {secretRef: {name: s}}}';

export const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'canary/secret' };

/** A credentials file. */
export function fileOf({ accessKeyId, secretAccessKey }: typeof KEYS): string {
  return `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
}

/** The signature of a request as it arrived. */
export function signatureOf({ method, path, headers, body }: Received, keys = KEYS): string {
  const names = /SignedHeaders=([^,]+),/.exec(headers['authorization']!)![1]!.split(';');
  const signed = names.flatMap((name) => [name, headers[name]!]);
  const signing = { keys, region: 'us-west-2', service: 'bedrock', date: headers['x-amz-date']! };
  return authorizationOf({ method, path, headers: signed, bodyHash: hash('sha256', body) }, signing);
}
