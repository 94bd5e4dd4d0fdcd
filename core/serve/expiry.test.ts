import { describe, expect, it } from 'vitest';

import { selfSigned } from '../http/self-signed.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { atOnce } from '../resources/slices.ts';
import { expiryGauges } from './expiry.ts';
import type { Snapshot } from './snapshot.ts';

const NOW = new Date('2026-11-25T12:00:00Z');
const days = (count: number): number => NOW.getTime() / 1000 + count * 86_400;
const pem = (count: number): string => selfSigned(['a.example'], count, NOW).cert;

const origin = (certificate: string | undefined, ca: string | undefined) => ({ origin: { tls: { certificate, ca } } });
const target = (name: string, endpoints: object[], expiresAt?: number) => ({ backend: { name, endpoints }, credential: { expiresAt } });

function snapshot(certificates: string[], targets: object[]): Snapshot {
  const rules = [
    { ai: true, plan: { targets } },
    { ai: false, plan: { targets: [{ backend: { name: 'default/plain', endpoints: [{ origin: { tls: undefined } }] } }] } },
  ];
  const hosts = { entries: () => [['*', { rules: () => rules }]] };
  const listener = { name: 'default/gw/https', certificates: certificates.map((cert) => ({ pair: { cert: Buffer.from(cert) } })), hosts };
  return { ports: [{ listeners: [listener] }] } as unknown as Snapshot;
}

describe('when credentials end', () => {
  const { families } = new Metrics('one');
  const shown = () => Object.fromEntries([...families.expiresAt.series()].map(({ labels, value }) => [labels.join(' '), value]));

  it('is shown by listener and by backend, the first of several', () => {
    const ca = pem(30);
    const mtls = target('default/mtls', [origin(pem(20), ca), origin(pem(15), ca)]);
    atOnce(
      expiryGauges(snapshot([pem(90), pem(60)], [mtls, target('default/jwt', [origin(undefined, undefined)], 1_800_000_000)]), families),
    );
    expect(shown()).toEqual({
      'listener_certificate default/gw/https': days(60),
      'client_certificate default/mtls': days(15),
      'ca_certificate default/mtls': days(30),
      'api_key default/jwt': 1_800_000_000,
    });
  });

  it('is gone with what ended, and nothing where nothing ends', () => {
    atOnce(expiryGauges(snapshot([], [target('default/key', [origin(undefined, undefined)])]), families));
    expect(shown()).toEqual({});
  });
});
