import { describe, expect, test } from 'vitest';

import { Loader } from '#core/resources/load';
import { Secret } from '#core/resources/kubernetes/secret';
import { secretData } from '#core/resources/kubernetes/secret-data';

import { autoConfig } from './autoconfig.ts';
import { authorized } from '#core/providers/credentials/credential.fixture';
import type { AiTarget } from '#core/providers/target';
import { compile, newShared } from '#core/route/compile';

type Env = Record<string, string>;

/** Compiles what the variables make, as the gateway does it. */
function targets(env: Env) {
  const { yaml, problems } = autoConfig(env, 1975);
  expect(problems).toEqual([]);
  const loaded = new Loader().load({ paths: [], env: {}, texts: [{ file: 'environment', text: yaml! }] });
  expect(loaded.problems).toEqual([]);
  const compiled = compile(loaded, newShared());
  expect(compiled.problems).toEqual([]);
  const index = compiled.ports[0]!.listener('any.test')!.hosts.index('any.test')!;
  const serve = (model: string): AiTarget | undefined => {
    const rule = index.find({ method: 'POST', path: '/v1/chat/completions', query: '', headers: {}, model })?.rule;
    return rule?.ai === true ? rule.plan.targets[0] : undefined;
  };
  return {
    serve,
    port: compiled.ports[0]!.port,
    secrets: loaded.set.all(Secret).map((secret) => secretData(secret).get('apiKey')?.toString()),
  };
}

const origin = (target: AiTarget | undefined) => {
  const { host, port, tls } = target!.backend.endpoints[0]!.origin;
  return `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
};

describe('autoConfig', () => {
  test('without a key there is nothing', () => {
    for (const env of [{}, { OPENAI_API_KEY: '' }, { OPENAI_BASE_URL: 'http://x' }, { AZURE_OPENAI_ENDPOINT: 'https://x' }] as Env[])
      expect(autoConfig(env, 1975)).toEqual({ yaml: undefined, problems: [], example: '' });
  });

  test('OpenAI', () => {
    const { serve, port } = targets({ OPENAI_API_KEY: 'sk-1', OPENAI_ORG_ID: 'org-1', OPENAI_PROJECT_ID: 'proj-1' });
    const target = serve('any-model');
    expect(port).toBe(1975);
    expect(origin(target)).toBe('https://api.openai.com:443');
    expect(target).toMatchObject({
      schema: { name: 'OpenAI' },
      headers: { set: ['openai-organization', 'org-1', 'openai-project', 'proj-1'] },
    });
    expect(authorized(target?.credential)).toEqual(['authorization', 'Bearer sk-1']);
  });

  test('Anthropic', () => {
    const target = targets({ ANTHROPIC_API_KEY: 'sk-2' }).serve('any-model');
    expect(origin(target)).toBe('https://api.anthropic.com:443');
    expect(target?.schema.name).toBe('Anthropic');
    expect(authorized(target?.credential)).toEqual(['x-api-key', 'sk-2']);
  });

  test('Azure, which stands before OpenAI', () => {
    const env = {
      AZURE_OPENAI_API_KEY: 'k',
      AZURE_OPENAI_ENDPOINT: 'https://name.openai.azure.com/',
      OPENAI_API_VERSION: '2024-10-21',
      OPENAI_API_KEY: 'other',
    };
    const target = targets(env).serve('gpt-5-mini');
    expect(origin(target)).toBe('https://name.openai.azure.com:443');
    expect(target?.schema).toMatchObject({ name: 'AzureOpenAI', version: '2024-10-21' });
    expect(authorized(target?.credential)).toEqual(['api-key', 'k']);
  });

  test('two providers share the models by their names', () => {
    const { serve } = targets({ OPENAI_API_KEY: 'a', ANTHROPIC_API_KEY: 'b' });
    expect(serve('claude-haiku-4-5')?.schema.name).toBe('Anthropic');
    expect(serve('gpt-5-mini')?.schema.name).toBe('OpenAI');
    expect(serve('my-claude')?.schema.name).toBe('OpenAI');
  });

  test.each([
    ['https://api.openai.com/v1', 'https://api.openai.com:443', undefined],
    ['https://api.openai.com/v1/', 'https://api.openai.com:443', undefined],
    ['http://localhost:11434', 'http://localhost:11434', undefined],
    ['http://127.0.0.1:8000/v1', 'http://127.0.0.1:8000', undefined],
    ['http://[::1]:8000/v1', 'http://::1:8000', undefined],
    ['https://HOST.example/v1beta/openai/', 'https://host.example:443', 'v1beta/openai'],
    ['https://host.example:8443/api/v1', 'https://host.example:8443', 'api/v1'],
  ])('OPENAI_BASE_URL=%s', (url, where, prefix) => {
    const target = targets({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: url }).serve('m');
    expect(origin(target)).toBe(where);
    expect(target?.schema.prefix).toBe(prefix);
  });

  test.each([
    ['https://host.example', undefined],
    ['https://host.example/anthropic', 'anthropic/v1'],
    ['https://host.example/anthropic/v1/', 'anthropic/v1'],
    ['https://host.example/v1', 'v1'],
  ])('ANTHROPIC_BASE_URL=%s', (url, prefix) => {
    expect(targets({ ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: url }).serve('m')?.schema.prefix).toBe(prefix);
  });

  test.each([
    ['OPENAI_BASE_URL', 'localhost:8000', /"localhost:8000" is not/],
    ['OPENAI_BASE_URL', 'api.openai.com/v1', /"api\.openai\.com\/v1" is not/],
    ['OPENAI_BASE_URL', 'ftp://host/v1', /"ftp:\/\/host\/v1" is not/],
    ['OPENAI_BASE_URL', 'https://host/v1?key=secret', /https:\/\/host is not/],
    ['OPENAI_BASE_URL', 'https://user:secret@host/v1', /https:\/\/host is not/],
    ['OPENAI_BASE_URL', '//user:secret@host/v1', /its value is not/],
    ['OPENAI_BASE_URL', 'https://host/v1#secret', /https:\/\/host is not/],
    ['OPENAI_BASE_URL', 'http://my_host/v1', /"my_host" is no host name/],
    ['OPENAI_BASE_URL', 'http://host:0/v1', /"host:0" is no host name and port/],
    ['ANTHROPIC_BASE_URL', 'nonsense', /ANTHROPIC_BASE_URL must be a URL .* "nonsense" is not/],
    ['OPENAI_API_KEY', 'two secret words', /^OPENAI_API_KEY has spaces/],
    ['OPENAI_API_KEY', 'secret\nX-Evil: 1', /^OPENAI_API_KEY has spaces/],
    ['OPENAI_API_KEY', ' ', /^OPENAI_API_KEY is blank/],
    ['OPENAI_ORG_ID', 'a b', /^OPENAI_ORG_ID has spaces/],
    ['ANTHROPIC_API_KEY', 'secret\u00fc', /^ANTHROPIC_API_KEY has spaces/],
  ])('%s=%j is one line that says why', (variable, value, message) => {
    const { problems } = autoConfig({ OPENAI_API_KEY: 'k', ANTHROPIC_API_KEY: 'k', [variable]: value }, 1975);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
    expect(problems[0]).not.toContain('\n');
    expect(problems[0]).not.toContain('secret');
  });

  test('Azure says all that is missing', () => {
    expect(autoConfig({ AZURE_OPENAI_API_KEY: 'k' }, 1975).problems).toEqual([
      expect.stringContaining('AZURE_OPENAI_ENDPOINT is not'),
      expect.stringContaining('OPENAI_API_VERSION is not'),
    ]);
    const env = { AZURE_OPENAI_API_KEY: 'k', AZURE_OPENAI_ENDPOINT: 'https://x.openai.azure.com/openai/v1', OPENAI_API_VERSION: '1' };
    expect(autoConfig(env, 1975).problems).toEqual(['AZURE_OPENAI_ENDPOINT must have no path: set it to https://x.openai.azure.com']);
  });

  test.each([
    'k"}\'\\',
    'a#b:c',
    '*k',
    '!k',
    '&k',
    '---',
    '%k',
    '{k}',
    '-',
    'null',
    '1e3',
    '$$',
    '${HOME}',
    '$${HOME}',
    '${',
    String.raw`\${x}`,
  ])('a key such as %s arrives as it is', (key) => {
    expect(targets({ OPENAI_API_KEY: key }).secrets).toEqual([key]);
  });
});
