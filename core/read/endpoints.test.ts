import { describe, expect, test } from 'vitest';

import { DEFAULT_PREFIXES, ENDPOINTS, EndpointTable } from './endpoints.ts';

describe('EndpointTable', () => {
  test('has the paths of the SDKs by default', () => {
    expect(new EndpointTable().paths().sort()).toEqual(
      [
        '/anthropic/v1/messages',
        '/anthropic/v1/messages/count_tokens',
        '/anthropic/v1/models',
        '/cohere/v2/rerank',
        '/tokenize',
        '/v1/audio/speech',
        '/v1/audio/transcriptions',
        '/v1/audio/translations',
        '/v1/chat/completions',
        '/v1/completions',
        '/v1/embeddings',
        '/v1/images/generations',
        '/v1/models',
        '/v1/responses',
        '/v1/responses/input_tokens',
      ].sort(),
    );
  });

  test.each([
    ['/v1/chat/completions', 'chat'],
    ['/anthropic/v1/models', 'models'],
    ['/v1/chat/completions/', undefined],
    ['/V1/chat/completions', undefined],
    ['/chat/completions', undefined],
    ['/anthropic/v1/chat/completions', undefined],
    ['/v1/messages', undefined],
    ['', undefined],
  ])('%s is %s', (path, operation) => {
    expect(new EndpointTable().find(path)?.operation).toBe(operation);
  });

  test.each([
    ['/gw', '/gw/v1/chat/completions', '/gw/anthropic/v1/messages'],
    ['/gw/', '/gw/v1/chat/completions', '/gw/anthropic/v1/messages'],
    ['//gw//x/', '/gw/x/v1/chat/completions', '/gw/x/anthropic/v1/messages'],
  ])('below the root %s', (root, chat, messages) => {
    const table = new EndpointTable({ ...DEFAULT_PREFIXES, root });
    expect(table.find(chat)?.operation).toBe('chat');
    expect(table.find(messages)?.operation).toBe('messages');
    expect(table.find('/v1/chat/completions')).toBeUndefined();
  });

  test('each API can begin elsewhere', () => {
    const table = new EndpointTable({ root: '/', openai: '/openai', cohere: '/c', anthropic: '/' });
    expect(table.find('/openai/v1/models')?.dialect).toBe('openai');
    expect(table.find('/v1/messages')?.dialect).toBe('anthropic');
    expect(table.find('/c/v2/rerank')?.dialect).toBe('cohere');
  });

  test('two APIs below one prefix have all their endpoints; the list of models is OpenAI’s', () => {
    const table = new EndpointTable({ root: '/', openai: '/', cohere: '/', anthropic: '/' });
    expect(table.find('/v1/messages')?.dialect).toBe('anthropic');
    expect(table.find('/v1/chat/completions')?.dialect).toBe('openai');
    expect(table.find('/v2/rerank')?.dialect).toBe('cohere');
    expect(table.find('/v1/models')?.dialect).toBe('openai');
  });

  test.each([
    ['/anthropic/v1/x', 'anthropic'],
    ['/cohere/x', 'cohere'],
    ['/anthropics', 'openai'],
    ['/v1/x', 'openai'],
    ['/', 'openai'],
  ])('an unknown path %s is in the words of %s', (path, dialect) => {
    expect(new EndpointTable().dialect(path)).toBe(dialect);
  });

  test('of prefixes within one another the longest counts', () => {
    const table = new EndpointTable({ root: '/', openai: '/openai', cohere: '/openai/cohere', anthropic: '/' });
    expect(table.dialect('/openai/x')).toBe('openai');
    expect(table.dialect('/openai/cohere/x')).toBe('cohere');
    expect(table.dialect('/v1/x')).toBe('anthropic');
  });

  test('every endpoint that takes a body names a backend’s API, and no path below a prefix is absolute by accident', () => {
    for (const { operation, body, upstream } of ENDPOINTS) {
      expect([operation, Object.keys(upstream).length > 0]).toEqual([operation, body !== 'none']);
      // A model server has its paths where it has them; the schema's prefix does not apply.
      for (const [api, below] of Object.entries(upstream))
        expect([api, below.startsWith('/')]).toEqual([api, operation === 'tokenize' || api === 'vLLM']);
    }
  });
});
