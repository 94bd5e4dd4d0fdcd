import { describe, expect, it } from 'vitest';

import { selfSigned } from '../http/self-signed.ts';
import { brief, CLASS, gateway, messageOf, TestCluster } from './cluster.fixture.ts';

const own = selfSigned(['a.example.com']);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const configMap = (name: string, text: string, namespace = 'default') =>
  `\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: ${namespace}}\ndata: {ca.crt: ${JSON.stringify(text)}}\n`;
const secret = (name: string, cert = own.cert) =>
  `\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\ndata: {tls.crt: ${base64(cert)}, tls.key: ${base64(own.key)}}\n`;
const THERE = secret('cert') + configMap('good', own.cert) + configMap('bad', 'hello') + configMap('far', own.cert, 'elsewhere');

const HTTP = '{name: http, port: 80, protocol: HTTP}';
const https = (name: string, port: number) => `{name: ${name}, port: ${port}, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}`;
const ref = (name: string, more = '') => `{group: "", kind: ConfigMap, name: ${name}${more}}`;
const validation = (refs: string, more = '') => `{validation: {caCertificateRefs: [${refs}]${more}}}`;

function statusOf(tls: string, listeners: readonly string[]) {
  const status = new TestCluster(CLASS + THERE + gateway('gw', [...listeners], `, tls: {${tls}}`)).status('Gateway', 'gw');
  return { conditions: status['conditions'], listeners: status['listeners'] as { readonly conditions: unknown }[] };
}
const of = (status: ReturnType<typeof statusOf>, index: number) => brief(status.listeners[index]!.conditions);
const GOOD = ['Accepted=True Accepted', 'Conflicted=False NoConflicts', 'ResolvedRefs=True ResolvedRefs', 'Programmed=True Programmed'];

describe('how clients are checked', () => {
  it.each([
    ['is not there', ref('nothing'), 'InvalidCACertificateRef'],
    ['is none', ref('bad'), 'InvalidCACertificateRef'],
    ['is of a kind that has none', '{group: "", kind: Service, name: good}', 'InvalidCACertificateKind'],
    ['may not be named', ref('far', ', namespace: elsewhere'), 'RefNotPermitted'],
  ])('where the authority %s is wrong at the listeners of HTTPS that it is for', (_name, wrong, reason) => {
    const tls = `frontend: {default: ${validation(wrong)}, perPort: [{port: 8443, tls: ${validation(ref('good'))}}, {port: 80, tls: ${validation(ref('nothing'))}}]}`;
    const status = statusOf(tls, [https('a', 443), https('b', 8443), HTTP]);
    expect(of(status, 0)).toEqual([
      'Accepted=False NoValidCACertificate',
      'Conflicted=False NoConflicts',
      `ResolvedRefs=False ${reason}`,
      'Programmed=False Invalid',
    ]);
    expect(messageOf(status.listeners[0]!.conditions, 'ResolvedRefs')).toMatch(
      /^spec\.tls\.frontend\.default\.validation\.caCertificateRefs\[0\]/,
    );
    expect(of(status, 1)).toEqual(GOOD);
    expect(of(status, 2)).toEqual(GOOD);
    // The Gateway itself names nothing that is lost.
    expect(brief(status.conditions)).toEqual([
      'Accepted=True ListenersNotValid',
      'Programmed=True Programmed',
      'ResolvedRefs=True ResolvedRefs',
    ]);
  });

  it('is told where one authority of two is wrong, and holds with the other', () => {
    const status = statusOf(`frontend: {default: ${validation(`${ref('good')}, ${ref('nothing')}`)}}`, [https('a', 443)]);
    expect(of(status, 0)).toEqual([GOOD[0], GOOD[1], 'ResolvedRefs=False InvalidCACertificateRef', GOOD[3]]);
  });

  it.each([
    ['everywhere', `default: ${validation(ref('good'), ', mode: AllowInsecureFallback')}`],
    ['at one port', `default: {}, perPort: [{port: 443, tls: ${validation(ref('good'), ', mode: AllowInsecureFallback')}}]`],
  ])('is said to be lenient where it is: %s', (_name, frontend) => {
    expect(brief(statusOf(`frontend: {${frontend}}`, [https('a', 443)]).conditions)).toContain(
      'InsecureFrontendValidationMode=True ConfigurationChanged',
    );
  });
});

describe('what backends are shown', () => {
  it.each([
    ['is not there', '{name: nothing}', 'InvalidClientCertificateRef'],
    ['is none', '{name: malformed}', 'InvalidClientCertificateRef'],
    ['is of another kind', '{kind: ConfigMap, name: good}', 'InvalidClientCertificateRef'],
    ['is of another group', '{group: wrong.io, name: cert}', 'InvalidClientCertificateRef'],
    ['may not be named', '{name: cert, namespace: elsewhere}', 'RefNotPermitted'],
  ])('where it %s is lost, and the Gateway is served', (_name, wrong, reason) => {
    const yaml = CLASS + THERE + secret('malformed', 'x') + gateway('gw', [HTTP], `, tls: {backend: {clientCertificateRef: ${wrong}}}`);
    expect(brief(new TestCluster(yaml).status('Gateway', 'gw')['conditions'])).toEqual([
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      `ResolvedRefs=False ${reason}`,
    ]);
  });

  it('is well where it is there', () => {
    expect(brief(statusOf('backend: {clientCertificateRef: {name: cert}}', [HTTP]).conditions)).toContain('ResolvedRefs=True ResolvedRefs');
  });
});
