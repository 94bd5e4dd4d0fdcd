import { describe, expect, it } from 'vitest';

import { scanObject } from './scan.ts';

/* Apart from scan.test.ts, whose many objects would fill V8's tables so that its mistake does not show. */

describe('a parsed value with escaped names in it', () => {
  it('has the names that the text has, whatever was parsed before', () => {
    // Where V8 errs, it reads the second name as a backslash: the shape is the one just seen.
    JSON.parse('{"only here":1,"\\\\":2}');
    const scan = scanObject(Buffer.from('{"plain":{"a":1},"escaped":{"only here":1,"\\u0061":2}}'));
    expect(scan.members.map(({ escapedNames }) => escapedNames)).toEqual([false, true]);
    expect(JSON.stringify(scan.parse('escaped'))).toBe('{"only here":1,"a":2}');
    expect(scan.parse('plain')).toEqual({ a: 1 });
  });

  it('has values, order and prototypes as JSON.parse gives them', () => {
    const value = '{ "\\u0061":[ true , {"__pr\\u006fto__":"\\n", "é":-1.5e3} , [ ] ], "\\\\":{ }, "b":null, "b":"😀" }';
    const parsed = scanObject(Buffer.from(`{"value":${value}}`)).parse('value');
    expect(JSON.stringify(parsed)).toBe('{"a":[true,{"__proto__":"\\n","é":-1500},[]],"\\\\":{},"b":"😀"}');
  });
});
