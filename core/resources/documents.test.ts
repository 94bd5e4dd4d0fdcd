import { expect, test } from 'vitest';

import { DocumentReader, readDocuments, type TextFile } from './documents.ts';
import { formatProblem, type Source } from './problem.ts';

interface Built {
  readonly value: Record<string, unknown>;
  readonly source: Source;
}

/** A reader that counts what it builds, and fills in a default as validation does. */
function counting(moves: boolean) {
  const built: unknown[] = [];
  const build = (value: unknown, source: Source): Built => {
    built.push((value as { name: unknown }).name);
    Object.assign(value as object, { filled: true });
    return { value: value as Record<string, unknown>, source };
  };
  const reader = moves ? new DocumentReader<Built>(build, (item, source) => ({ ...item, source })) : new DocumentReader<Built>(build);
  return { reader, built };
}

const file = (text: string, name = 'a.yaml'): TextFile => ({ file: name, text });

test('each document says where it was', () => {
  const { documents, problems } = readDocuments(
    'a.yaml',
    '# licence\nname: a\n---\n---\n{"name": "b"}\n---\nkind: List\nitems:\n- name: c\n- name: d\n',
    {},
  );
  expect(problems).toEqual([]);
  expect(documents).toEqual([
    { value: { name: 'a' }, source: { file: 'a.yaml', document: 1, line: 2 } },
    { value: { name: 'b' }, source: { file: 'a.yaml', document: 2, line: 5 } },
    { value: { name: 'c' }, source: { file: 'a.yaml', document: 3, line: 9 } },
    { value: { name: 'd' }, source: { file: 'a.yaml', document: 3, line: 10 } },
  ]);
});

test('a document that cannot be read is named with its line, and the others are read', () => {
  const { documents, problems } = readDocuments(
    'a.yaml',
    'name: a\n---\nname: b\nspec:\n  x: 1\n  x: 2\n---\nname: ${NAME}\n---\nname: d\n',
    {},
  );
  expect(documents.map((document) => document.source.document)).toEqual([1, 4]);
  expect(problems.map(formatProblem)).toEqual([
    'a.yaml:6 (document 2): the field "x" occurs twice in one object',
    'a.yaml:8 (document 3): the environment variable NAME is not set; set it, or give it a default: ${NAME:-default}',
  ]);
});

test('a load parses and builds only what has changed since the last', () => {
  const { reader, built } = counting(true);
  const first = reader.read([file('name: a\n---\nname: b\n---\nname: c\n')], {});
  expect(built.splice(0)).toEqual(['a', 'b', 'c']);
  const second = reader.read([file('name: a\n---\nname: B\n---\nname: c\n')], {});
  expect(built.splice(0)).toEqual(['B']);
  expect(second.documents[0]).toBe(first.documents[0]);
  expect(second.documents[2]).toBe(first.documents[2]);
  // What the last load did not have is forgotten.
  reader.read([file('name: a\n---\nname: b\n---\nname: c\n')], {});
  expect(built).toEqual(['b']);
});

test('a document that moved is the same at its new place, and the old snapshot keeps its own', () => {
  const { reader, built } = counting(true);
  const first = reader.read([file('name: a\n---\nkind: List\nitems:\n- name: b\n')], {});
  built.splice(0);
  const second = reader.read([file('name: new\n\n---\nname: a\n---\nkind: List\nitems:\n- name: b\n'), file('name: a\n', 'b.yaml')], {});
  expect(built).toEqual(['new']);
  expect(second.documents.slice(1)).toEqual([
    { value: { name: 'a', filled: true }, source: { file: 'a.yaml', document: 2, line: 4 } },
    { value: { name: 'b', filled: true }, source: { file: 'a.yaml', document: 3, line: 8 } },
    { value: { name: 'a', filled: true }, source: { file: 'b.yaml', document: 1, line: 1 } },
  ]);
  expect(second.documents[1]!.value).toBe(first.documents[0]!.value);
  expect(first.documents.map(({ source }) => source.line)).toEqual([1, 5]);
});

test('without a way to move it, a document that moved is built again', () => {
  const { reader, built } = counting(false);
  const text = 'name: a\n---\nname: b\n';
  reader.read([file(text)], {});
  reader.read([file(text)], {});
  expect(built.splice(0)).toEqual(['a', 'b']);
  const { documents } = reader.read([file(`# moved\n${text}`)], {});
  expect(built).toEqual(['a', 'b']);
  expect(documents.map(({ source }) => source.line)).toEqual([2, 4]);
});

test('a document is read again when a variable that it asks for has changed, and only then', () => {
  const { reader, built } = counting(true);
  const text = 'name: ${NAME:-none}\n---\nname: b\n';
  reader.read([file(text)], {});
  reader.read([file(text)], { OTHER: 'x' });
  expect(built.splice(0)).toEqual(['none', 'b']);
  reader.read([file(text)], { NAME: 'x' });
  expect(built.splice(0)).toEqual(['x']);
  reader.read([file(text)], {});
  expect(built).toEqual(['none']);
});

test('a problem is told by every load until it is mended', () => {
  const { reader } = counting(true);
  const text = 'name: a\nname: b\n';
  expect(reader.read([file(text)], {}).problems).toHaveLength(1);
  expect(reader.read([file(text)], {}).problems).toHaveLength(1);
  expect(reader.read([file('name: a\n')], {}).problems).toEqual([]);
});

test('the same text twice is two documents', () => {
  const { reader } = counting(true);
  for (let load = 0; load < 2; load++) {
    const { documents } = reader.read([file('name: a\n---\nname: a\n')], {});
    expect(documents.map(({ source }) => [source.document, source.line])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    expect(documents[0]!.value).toEqual(documents[1]!.value);
  }
});
