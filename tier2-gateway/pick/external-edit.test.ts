import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import type { Outbound } from '#core/attempt/call';

import { readMutation, toMutation, type Header } from '../epp/header-edit.ts';
import { editedOutbound, permittedEdit } from './external-edit.ts';

const SHOWN: Header[] = [
  ['content-type', 'application/json'],
  ['traceparent', 'shown'],
  ['x-many', 'a'],
  ['x-many', 'b'],
];

function outbound(headers: string[], body: Outbound['body'] = Buffer.from('{}')): Outbound {
  return { method: 'POST', path: '/v1', headers, body };
}

function after(
  set: readonly Header[],
  remove: readonly string[],
  headers: string[],
  shown: readonly Header[] = SHOWN,
): [string[], readonly string[]] {
  const edit = permittedEdit(readMutation(toMutation(set, remove), { current: shown }), shown);
  return [editedOutbound(outbound(headers), edit, undefined).headers, edit.refused];
}

describe('permittedEdit', () => {
  it('leaves what the request has newer than what was shown', () => {
    const headers = ['content-type', 'application/json', 'traceparent', 'of this attempt'];
    expect(after([...SHOWN.slice(0, 2), ['x-new', '1']], [], headers)).toEqual([[...headers, 'x-new', '1'], []]);
    // Said on purpose: removed, and set to what it was.
    expect(after([['traceparent', 'shown']], ['traceparent'], headers)[0]).toEqual([
      'content-type',
      'application/json',
      'traceparent',
      'shown',
    ]);
    // Two values became one: no echo.
    expect(after([['x-many', 'b']], [], ['x-many', 'a', 'x-many', 'b'])[0]).toEqual(['x-many', 'b']);
  });

  it('keeps framing, host, connection and the coding of the answer', () => {
    const headers = ['host', 'pod', 'content-length', '2', 'accept-encoding', 'identity'];
    const set: Header[] = [
      ['host', 'evil'],
      ['transfer-encoding', 'chunked'],
      ['content-length', '9'],
      ['connection', 'x'],
      ['accept-encoding', 'gzip'],
      [':authority', 'evil'],
      [':path', '/admin'],
    ];
    const [result, refused] = after(set, ['host', 'content-length', 'accept-encoding'], headers);
    expect(result).toEqual(headers);
    expect(new Set(refused)).toEqual(new Set(['host', 'transfer-encoding', 'connection', 'accept-encoding', ':authority', ':path']));
  });

  it('drops pseudo headers even where the client lets them through', () => {
    const mutation = toMutation([[':path', '/admin']]);
    const edit = permittedEdit(readMutation(mutation, { pseudo: [':path'] }), []);
    expect(edit).toEqual({ changes: [], refused: [':path'] });
  });

  it('changes a credential only where it was shown', () => {
    const names = ['authorization', 'x-api-key', 'api-key', 'cookie', 'X_API_KEY', 'x-goog-api-key'];
    for (const name of names) {
      const headers = [name.toLowerCase(), 'the pod’s'];
      expect(after([[name, 'forged']], [], headers)).toEqual([headers, [name.toLowerCase()]]);
      expect(after([], [name], headers)).toEqual([headers, [name.toLowerCase()]]);
    }
    const shown: Header[] = [['authorization', 'Bearer client']];
    expect(after([['authorization', 'Bearer other']], [], ['authorization', 'Bearer client'], shown)).toEqual([
      ['authorization', 'Bearer other'],
      [],
    ]);
  });

  it('refuses what cannot be sent, since the client would be blamed for it', () => {
    expect(after([['x-bell', 'a\u0007b']], [], ['x-a', '1'])).toEqual([['x-a', '1'], ['x-bell']]);
  });
});

describe('editedOutbound', () => {
  it('changes nothing without an edit, and streams stay streams', () => {
    const original = outbound(['A', '1'], Readable.from(['x']));
    expect(editedOutbound(original, { changes: [], refused: ['host'] }, undefined)).toBe(original);
    const edited = editedOutbound(original, { changes: [{ action: 'overwrite', name: 'b', value: '2' }], refused: [] }, undefined);
    expect(edited).toEqual({ ...original, headers: ['a', '1', 'b', '2'] });
    expect(original.headers).toEqual(['A', '1']);
  });

  it('drops the length of a body that it replaces', () => {
    const edited = editedOutbound(outbound(['content-length', '2', 'x', 'y']), { changes: [], refused: [] }, Buffer.from('longer'));
    expect(edited.headers).toEqual(['x', 'y']);
    expect(edited.body).toEqual(Buffer.from('longer'));
    expect(editedOutbound(outbound([]), { changes: [], refused: [] }, Buffer.alloc(0)).body).toHaveLength(0);
  });
});
