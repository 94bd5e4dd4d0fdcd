import { expect, test } from 'vitest';

import { luaScript } from './wrk.ts';

test('quotes, backslashes and line ends of a body stay what they are in Lua', () => {
  const script = luaScript({ port: 1, path: '/', headers: { Authorization: 'Bearer a"b' }, body: '{"a":"\\n\n"}' });
  expect(script).toContain(String.raw`wrk.body = "{\034a\034:\034\092n\010\034}"`);
  expect(script).toContain(String.raw`wrk.headers["Authorization"] = "Bearer a\034b"`);
});
