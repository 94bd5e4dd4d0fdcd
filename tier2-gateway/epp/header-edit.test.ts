import { describe, expect, it } from 'vitest';

import { applyEdit, fromHeaderMap, joinEdits, NO_EDIT, readMutation, toHeaderMap } from './header-edit.ts';
import type { HeaderValueOption } from './messages.ts';

function option(key: string, value: string, rest: Partial<HeaderValueOption> = {}): HeaderValueOption {
  return { header: { key, rawValue: Buffer.from(value) }, ...rest };
}

const setting = (name: string, appendAction: HeaderValueOption['appendAction'], append?: boolean): HeaderValueOption =>
  option(name, 'x', {
    ...(appendAction === undefined ? {} : { appendAction }),
    ...(append === undefined ? {} : { append: { value: append } }),
  });
const applied = (what: HeaderValueOption): unknown => applyEdit([['b', '3']], readMutation({ setHeaders: [what] }));

describe('readMutation and applyEdit', () => {
  const headers = [
    ['a', '1'],
    ['a', '2'],
    ['b', '3'],
  ] as const;

  it('overwrites unless it is told to append', () => {
    const edit = readMutation({
      setHeaders: [option('A', 'x'), option('b', 'y', { append: { value: true } }), option('c', 'z', { append: {} })],
    });
    expect(applyEdit(headers, edit)).toEqual([
      ['b', '3'],
      ['a', 'x'],
      ['b', 'y'],
      ['c', 'z'],
    ]);
  });

  it('follows append_action, and `append` before it', () => {
    const both = [
      ['b', '3'],
      ['b', 'x'],
    ];
    expect(applied(setting('b', 'ADD_IF_ABSENT'))).toEqual([['b', '3']]);
    expect(applied(setting('c', 'ADD_IF_ABSENT'))).toEqual([
      ['b', '3'],
      ['c', 'x'],
    ]);
    expect(applied(setting('b', 'OVERWRITE_IF_EXISTS'))).toEqual([['b', 'x']]);
    expect(applied(setting('c', 'OVERWRITE_IF_EXISTS'))).toEqual([['b', '3']]);
    expect(applied(setting('b', 'OVERWRITE_IF_EXISTS_OR_ADD'))).toEqual([['b', 'x']]);
    expect(applied(setting('b', 'APPEND_IF_EXISTS_OR_ADD'))).toEqual([['b', 'x']]);
    expect(applied(setting('b', 'OVERWRITE_IF_EXISTS', true))).toEqual(both);
  });

  it('removes before it sets', () => {
    const edit = readMutation({ setHeaders: [option('a', 'new')], removeHeaders: ['A', 'absent'] });
    expect(applyEdit(headers, edit)).toEqual([
      ['b', '3'],
      ['a', 'new'],
    ]);
  });

  it('refuses what belongs to the gateway, and what is no header', () => {
    const names = [
      'Host',
      ':method',
      ':path',
      ':scheme',
      ':status',
      'Connection',
      'transfer-encoding',
      'te',
      'upgrade',
      'bad name',
      'naïve',
    ];
    const edit = readMutation({
      setHeaders: names.map((name) => option(name, 'x')),
      removeHeaders: ['host', ':authority', 'keep-alive', ''],
    });
    expect(edit.changes).toEqual([]);
    expect(edit.refused).toEqual(['host', ':authority', 'keep-alive', ...names.map((name) => name.toLowerCase())]);
    for (const value of ['a\r\nx-evil: 1', 'a\nb', 'a\u0000']) {
      expect(readMutation({ setHeaders: [option('x', value)] })).toEqual({ changes: [], refused: ['x'] });
    }
  });

  it('lets a policy open pseudo headers for setting, never for removal', () => {
    const edit = readMutation(
      { setHeaders: [option(':path', '/v2'), option(':method', 'GET')], removeHeaders: [':path'] },
      { pseudo: [':path'] },
    );
    expect(edit).toEqual({ changes: [{ action: 'overwrite', name: ':path', value: '/v2' }], refused: [':path', ':method'] });
  });

  it('takes a protected header that comes back unchanged for no change', () => {
    const current = [
      [':path', '/v1'],
      ['Host', 'a.test'],
    ] as const;
    const same = readMutation({ setHeaders: [option(':path', '/v1'), option('host', 'a.test')] }, { current });
    expect(same).toEqual({ changes: [], refused: [] });
    expect(readMutation({ setHeaders: [option('host', 'b.test')] }, { current }).refused).toEqual(['host']);
  });

  it('drops the content length without a word, set or removed', () => {
    expect(readMutation({ setHeaders: [option('Content-Length', '7')], removeHeaders: ['content-length'] })).toEqual(NO_EDIT);
  });

  it('keeps bytes that are not ASCII', () => {
    const raw = { key: 'x', value: 'ignored', rawValue: Buffer.from([0x61, 0xe9, 0xff]) };
    expect(fromHeaderMap({ headers: [raw, { key: 'y', value: 'é' }, { key: 'z', value: 'text', rawValue: Buffer.alloc(0) }] })).toEqual([
      ['x', 'aéÿ'],
      ['y', Buffer.from('é').toString('latin1')],
      ['z', 'text'],
    ]);
    expect(fromHeaderMap(toHeaderMap([['X', 'aéÿ']]))).toEqual([['x', 'aéÿ']]);
  });

  it('applies two edits one after the other', () => {
    const first = readMutation({ setHeaders: [option('a', 'first')] });
    const second = readMutation({ removeHeaders: ['a'] });
    expect(applyEdit(headers, joinEdits(first, second))).toEqual([['b', '3']]);
    expect(applyEdit(headers, joinEdits(second, first))).toEqual([
      ['b', '3'],
      ['a', 'first'],
    ]);
    expect(joinEdits(NO_EDIT, first)).toBe(first);
  });
});
