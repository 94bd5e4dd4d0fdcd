import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';

import { caller, compile, headersOf, identify, refusal, secure } from './identify.fixture.ts';

const sha = (password: string): string => `{SHA}${createHash('sha1').update(password).digest('base64')}`;
const basic = (text: string, scheme = 'Basic'): { authorization: string } => ({
  authorization: `${scheme} ${Buffer.from(text).toString('base64')}`,
});
const spec = { basicAuth: { users: { name: 'users' }, forwardUsernameHeader: 'X-User' } };
const users = {
  secrets: { users: { '.htpasswd': `# people\n\nada:${sha('canary:pass word')}\r\nzoë:${sha('canary-pässword')}\n` } },
};

it('lets a user in, with colons and other characters in the password, at once', () => {
  const security = secure(spec, users);
  const identity = security.identify(caller(basic('ada:canary:pass word', 'basic')));
  expect(identity).toEqual({ clientId: 'ada', headers: ['x-user', 'ada'] });
});

it('sends a name beyond ASCII as its UTF-8 bytes', async () => {
  const identity = await identify(secure(spec, users), caller(basic('zoë:canary-pässword')));
  expect(identity.clientId).toBe('zoë');
  expect(Buffer.from(headersOf(identity)['x-user']!, 'latin1').toString('utf8')).toBe('zoë');
});

it.each([
  ['nothing', {}, /no user name and password/],
  ['another scheme', { authorization: 'Bearer canary-token' }, /not of the form/],
  ['no base64', { authorization: 'Basic canary-%%%%%' }, /not of the form/],
  ['no colon', basic('canary-without-colon'), /no colon/],
  ['a wrong password', basic('ada:canary-wrong'), /unknown user name or wrong password/],
  ['an unknown user', basic('canary-user:canary:pass word'), /unknown user name or wrong password/],
  ['an empty password', basic('ada:'), /unknown user name or wrong password/],
  ['the hash itself', basic(`ada:${sha('canary:pass word')}`), /unknown user name or wrong password/],
  ['a name of Object.prototype', basic('__proto__:canary-wrong'), /unknown user name or wrong password/],
])('refuses %s with a challenge', async (_, headers, message) => {
  const error = await refusal(secure(spec, users), caller(headers));
  expect(error).toMatchObject({
    code: 'TK_UNAUTHENTICATED',
    status: 401,
    headers: { 'www-authenticate': expect.stringMatching(/^Basic realm=/) },
  });
  expect(error.message).toMatch(message);
});

it('reports each line that cannot be used, with the name of its format and without the hash', () => {
  const lines = [
    'bob:$2y$05$canarycanarycanary',
    'cy:$apr1$canary$canary',
    'di:$6$canary$canary',
    'ed:{SSHA}canary',
    'flo:canary-plain',
    'gus:{SHA}Y2FuYXJ5',
    'no colon',
    `ida:${sha('x')}`,
    `ida:${sha('y')}`,
  ];
  const { problems } = compile(spec, { secrets: { users: { '.htpasswd': lines.join('\n') } } });
  expect(problems.map((problem) => problem.replace('spec.basicAuth.users: Secret users, key .htpasswd, ', ''))).toEqual([
    expect.stringMatching(/^line 1: .*bob is stored as bcrypt; only \{SHA\}/),
    expect.stringMatching(/^line 2: .*cy is stored as apr1/),
    expect.stringMatching(/^line 3: .*di is stored as SHA-512-crypt/),
    expect.stringMatching(/^line 4: .*ed is stored as SSHA/),
    expect.stringMatching(/^line 5: .*flo is stored as crypt or plain text/),
    expect.stringMatching(/^line 6: .*gus is not the base64 of 20 bytes/),
    expect.stringMatching(/^line 7: is not of the form/),
    expect.stringMatching(/^line 9: user ida stands in the file twice/),
  ]);
  expect(problems.join()).not.toMatch(/canary|Y2FuYXJ5/);
  expect(compile(spec, { secrets: { users: { htpasswd: '' } } }).problems).toEqual([
    'spec.basicAuth.users: Secret users has no key .htpasswd',
  ]);
});
