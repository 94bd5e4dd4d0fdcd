import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { nameText, objectText, valueText } from './arbitraries.ts';
import { editObject } from './edit.ts';
import type { Edit } from './edit.ts';
import { JsonSyntaxError, scanObject } from './scan.ts';

function edited(text: string, ...edits: Edit[]): string {
  return editObject(scanObject(Buffer.from(text)), edits).toString();
}

const edit: fc.Arbitrary<Edit> = fc
  .tuple(
    nameText.map((name) => JSON.parse(name) as string),
    fc.option(valueText),
    fc.boolean(),
  )
  .map(([name, value, asBuffer]) => (value === null ? { remove: name } : { set: name, value: asBuffer ? Buffer.from(value) : value }));

describe('editObject', () => {
  it('does what the edits say to a list of members, and leaves all other bytes', () => {
    fc.assert(
      fc.property(objectText, fc.array(edit, { maxLength: 6 }), ({ text, members }, edits) => {
        const scan = scanObject(Buffer.from(text));
        const last = new Map(edits.map((edit) => ['remove' in edit ? edit.remove : edit.set, edit]));
        // The model: names as written, values as written.
        const expected = members.flatMap(({ name, value }) => {
          const edit = last.get(JSON.parse(name) as string);
          if (edit === undefined) return [{ name, value }];
          return 'remove' in edit ? [] : [{ name, value: edit.value.toString() }];
        });
        for (const [name, edit] of last) {
          if ('set' in edit && !scan.has(name)) expected.push({ name: JSON.stringify(name), value: edit.value.toString() });
        }
        const result = scanObject(editObject(scan, edits));
        const actual = result.members.map((member) => {
          const text = result.bytes.toString('utf8', member.start, member.end);
          const value = result.bytes.toString('utf8', member.valueStart, member.end);
          return { name: /^"(?:[^"\\]|\\.)*"/s.exec(text)![0], value };
        });
        expect(actual).toEqual(expected);
        // A kept member is the same bytes from its name to the end of its value, white space around the colon included.
        const kept = scan.members.filter(({ name }) => !last.has(name)).map(({ start, end }) => scan.bytes.toString('utf8', start, end));
        const found = result.members
          .filter(({ name }) => !last.has(name))
          .map(({ start, end }) => result.bytes.toString('utf8', start, end));
        expect(found).toEqual(kept);
        // So is what stands before and after the object.
        expect(result.bytes.toString('utf8', 0, result.open + 1)).toBe(scan.bytes.toString('utf8', 0, scan.open + 1));
        expect(/\}\s*$/.exec(result.bytes.toString())![0]).toBe(/\}\s*$/.exec(text)![0]);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps every byte outside of a replaced value', () => {
    const text = ' {\n  "model" : "a" ,\r\n "x":1.0, "big":1e400,"u":"\\u00e9\\/" } \n';
    expect(edited(text, { set: 'model', value: '"b"' })).toBe(text.replace('"a"', '"b"'));
  });

  it('takes one comma with a removed member', () => {
    const text = '{ "a": 1, "b": 2, "c": 3 }';
    expect(edited(text, { remove: 'a' })).toBe('{ "b": 2, "c": 3 }');
    expect(edited(text, { remove: 'b' })).toBe('{ "a": 1, "c": 3 }');
    expect(edited(text, { remove: 'c' })).toBe('{ "a": 1, "b": 2 }');
    expect(edited(text, { remove: 'b' }, { remove: 'c' })).toBe('{ "a": 1 }');
    expect(edited(text, { remove: 'c' }, { remove: 'a' }, { remove: 'b' })).toBe('{  }');
  });

  it('appends behind the last member that stays', () => {
    const set: Edit = { set: 'n"', value: 'true' };
    expect(edited('{}', set)).toBe('{"n\\"":true}');
    expect(edited('{\n "a": 1\n}', set)).toBe('{\n "a": 1,"n\\"":true\n}');
    expect(edited('{"a":1, "b":2 }', set, { remove: 'b' }, { set: 'o', value: '2' })).toBe('{"a":1,"n\\"":true,"o":2 }');
    expect(edited('{ "a":1, "b":2 }', { remove: 'b' }, set, { remove: 'a' })).toBe('{ "n\\"":true }');
  });

  it('edits every occurrence of a name, also one written with an escape', () => {
    const text = '{"model":1,"x":0,"m\\u006fdel":2}';
    expect(edited(text, { set: 'model', value: '3' })).toBe('{"model":3,"x":0,"m\\u006fdel":3}');
    expect(edited(text, { remove: 'model' })).toBe('{"x":0}');
  });

  it('lets the last edit of a name win', () => {
    expect(edited('{"a":1}', { remove: 'a' }, { set: 'a', value: '2' }, { set: 'b', value: '3' }, { remove: 'b' })).toBe('{"a":2}');
  });

  it('returns the same buffer when nothing changes', () => {
    const scan = scanObject(Buffer.from('{"a":1}'));
    expect(editObject(scan, [])).toBe(scan.bytes);
    expect(editObject(scan, [{ remove: 'b' }])).toBe(scan.bytes);
  });

  it('refuses a value that is not exactly one JSON value', () => {
    for (const value of ['', 'gpt-4o', '1,"admin":true', '1}', '"\n"', Buffer.of(0x22, 0xff, 0x22)]) {
      expect(() => edited('{}', { set: 'a', value })).toThrow(JsonSyntaxError);
    }
  });

  it('holds the result to the depth of the scan', () => {
    const scan = scanObject(Buffer.from('{}'), { maxDepth: 2 });
    expect(editObject(scan, [{ set: 'a', value: '[]' }]).toString()).toBe('{"a":[]}');
    expect(() => editObject(scan, [{ set: 'a', value: '[[]]' }])).toThrow(JsonSyntaxError);
  });
});
