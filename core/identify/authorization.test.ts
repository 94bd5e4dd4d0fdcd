import { generateKeyPair, exportJWK, SignJWT } from 'jose';
import { beforeAll, expect, it } from 'vitest';

import { caller, compile, identify, refusal, secure } from './identify.fixture.ts';
import type { Caller, Security } from './identity.ts';

let inline = '';
let token: (claims: Record<string, unknown>) => Promise<string>;
beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  inline = JSON.stringify({ keys: [await exportJWK(publicKey)] });
  token = (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
});

const allowed = async (security: Security, who: Caller): Promise<boolean> => {
  try {
    await identify(security, who);
    return true;
  } catch {
    const error = await refusal(security, who);
    expect(error).toMatchObject({
      code: 'TK_FORBIDDEN',
      status: 403,
      message: 'the security policy of this route does not allow this request',
    });
    return false;
  }
};
const from = (address: string, method = 'POST', headers = {}): Caller => caller(headers, { address, method });
const rules = (...list: object[]): Security => secure({ authorization: { rules: list } });

it('denies by default, and allows by default where the policy says so, at once', async () => {
  expect(await allowed(secure({ authorization: {} }), caller())).toBe(false);
  expect(await allowed(secure({ authorization: { defaultAction: 'Deny' } }), caller())).toBe(false);
  expect(secure({ authorization: { defaultAction: 'Allow' } }).identify(caller())).toEqual({ clientId: undefined, headers: [] });
});

it('lets the first rule that matches decide', async () => {
  const security = rules(
    { action: 'Deny', name: 'printer', principal: { clientCIDRs: ['10.0.0.9/32'] } },
    { action: 'Allow', principal: { clientCIDRs: ['10.0.0.0/8', '2001:db8::/32'] } },
    { action: 'Deny', principal: { clientCIDRs: ['10.0.0.0/8'] } },
  );
  expect(await allowed(security, from('10.0.0.9'))).toBe(false);
  expect(await allowed(security, from('::ffff:10.0.0.9'))).toBe(false);
  expect(await allowed(security, from('10.0.0.8'))).toBe(true);
  expect(await allowed(security, from('2001:db8::9'))).toBe(true);
  expect(await allowed(security, from('192.0.2.1'))).toBe(false);
  expect(await allowed(security, from(''))).toBe(false);
  expect((await refusal(security, from('10.0.0.9'))).cause).toMatchObject({ message: 'denied: rule printer' });
});

it('wants every principal and the method of a rule', async () => {
  const security = rules({
    action: 'Allow',
    operation: { methods: ['POST'] },
    principal: {
      clientCIDRs: ['10.0.0.0/8'],
      headers: [
        { name: 'X-Team', values: ['a', 'b'] },
        { name: 'x-env', values: ['prod'] },
      ],
    },
  });
  const headers = { 'x-team': 'b', 'x-env': 'prod' };
  expect(await allowed(security, from('10.0.0.1', 'POST', headers))).toBe(true);
  expect(await allowed(security, from('10.0.0.1', 'GET', headers))).toBe(false);
  expect(await allowed(security, from('11.0.0.1', 'POST', headers))).toBe(false);
  expect(await allowed(security, from('10.0.0.1', 'POST', { 'x-team': 'b' }))).toBe(false);
  expect(await allowed(security, from('10.0.0.1', 'POST', { ...headers, 'x-team': 'c' }))).toBe(false);
  // Node joins a repeated header: it is none of the values.
  expect(await allowed(security, from('10.0.0.1', 'POST', { ...headers, 'x-team': 'c, b' }))).toBe(false);
});

it('reads claims by path and type, and wants all scopes', async () => {
  const security = secure({
    jwt: { providers: [{ name: 'p', localJWKS: { inline } }] },
    authorization: {
      rules: [
        {
          action: 'Allow',
          principal: {
            jwt: {
              provider: 'p',
              scopes: ['read', 'write'],
              claims: [
                { name: 'org.unit', values: ['ml', 'web'] },
                { name: 'roles', valueType: 'StringArray', values: ['dev'] },
              ],
            },
          },
        },
      ],
    },
  });
  const good = { scope: 'write read', org: { unit: 'ml' }, roles: ['ops', 'dev'] };
  const may = async (claims: Record<string, unknown>) => allowed(security, caller({ authorization: `Bearer ${await token(claims)}` }));
  expect(await may(good)).toBe(true);
  expect(await may({ ...good, scope: undefined, scp: ['read', 'write'] })).toBe(true);
  expect(await may({ ...good, scope: 'read readwrite' })).toBe(false);
  expect(await may({ ...good, org: { unit: ['ml'] } })).toBe(false);
  expect(await may({ ...good, org: 'ml' })).toBe(false);
  expect(await may({ ...good, roles: 'dev' })).toBe(false);
  expect(await may({ ...good, roles: ['developer'] })).toBe(false);
});

it('holds no rule about a token when there is none', async () => {
  const claims = [{ name: 'sub', values: ['x'] }];
  const security = secure({
    jwt: { optional: true, providers: [{ name: 'p', localJWKS: { inline } }] },
    authorization: { rules: [{ action: 'Allow', principal: { jwt: { provider: 'p', claims } } }] },
  });
  expect(await allowed(security, caller())).toBe(false);
  expect(await allowed(security, caller({ authorization: `Bearer ${await token({ sub: 'x' })}` }))).toBe(true);
});

it('believes headers that the policy sets only from the policy', async () => {
  const around = { secrets: { keys: { 'team-a': 'canary-a', 'team-b': 'canary-b' } } };
  const security = secure(
    {
      apiKeyAuth: { credentialRefs: [{ name: 'keys' }], extractFrom: [{ headers: ['x-api-key'] }], forwardClientIDHeader: 'X-Client' },
      authorization: { rules: [{ action: 'Allow', principal: { headers: [{ name: 'x-client', values: ['team-a'] }] } }] },
    },
    around,
  );
  expect(await allowed(security, caller({ 'x-api-key': 'canary-a' }))).toBe(true);
  expect(await allowed(security, caller({ 'x-api-key': 'canary-a', 'x-client': 'team-b' }))).toBe(true);
  expect(await allowed(security, caller({ 'x-api-key': 'canary-b', 'x-client': 'team-a' }))).toBe(false);
  const internal = rules({ action: 'Allow', principal: { headers: [{ name: 'x-tierkit-role', values: ['admin'] }] } });
  expect(await allowed(internal, caller({ 'x-tierkit-role': 'admin' }))).toBe(false);
});

it('reports ranges and providers that do not exist', () => {
  const { problems } = compile({
    jwt: { providers: [{ name: 'issuer', localJWKS: { inline } }] },
    authorization: {
      rules: [
        { action: 'Allow', principal: { clientCIDRs: ['::ffff:10.0.0.0/8'] } },
        { action: 'Allow', principal: { jwt: { provider: 'isuer', scopes: ['a'] } } },
      ],
    },
  });
  expect(problems).toContain(
    'spec.authorization.rules[0].principal.clientCIDRs[0]: "::ffff:10.0.0.0/8" is no CIDR range such as 10.0.0.0/8 or 2001:db8::/32',
  );
  expect(problems.join('\n')).toContain('did you mean "issuer"?');
});
