import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { caller } from './identify.fixture.ts';
import { compileMcpCel, type McpFacts, requestFacts } from './mcp-cel.ts';

const CLAIMS = { sub: 'ann', level: 3, org: { team: 'a' }, roles: ['dev', 'ops'], scope: 'write read', flag: true, nothing: null };
const FACTS: McpFacts = {
  caller: caller({ 'x-team': 'blue', host: 'mcp.example.com' }, { method: 'POST', path: '/mcp', host: 'mcp.example.com' }),
  token: { provider: 'p', claims: CLAIMS },
  method: 'tools/call',
  server: 'github',
  tool: 'list_issues',
  params: () => ({ name: 'list_issues', arguments: { repo: 'a/b', count: 7, labels: [{ name: 'bug' }, { name: 'ui' }] } }),
};

/** The reason, for an expression that cannot be used. */
const run = (text: string, facts: McpFacts = FACTS): boolean | undefined | string => {
  let problem: string | undefined;
  const condition = compileMcpCel(text, 'p', (path, message) => (problem = `${path}: ${message}`));
  return condition === undefined ? problem : condition(requestFacts(facts));
};

const WORDS =
  `request .mcp .params .tool .auth.jwt.claims .exists( .map( x , ) ( [ ] [0] ["a"] .? .a [?"a"] == != in + - < && || ! ? : "a" 1 2u 0.5 null true
  size( has( .orValue( .matches("a")`.split(/\s+/);
const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
const twice = (depth: number): McpFacts => ({ ...FACTS, params: () => [nested(depth), nested(depth)] });

describe('an expression of an MCPRoute', () => {
  it.each([
    'request.method == "POST" && request.path.startsWith("/mcp") && request.host.endsWith(".example.com")',
    'request.headers["x-team"] == "blue"',
    'request.headers_all["x-team"] == ["blue"]',
    'request.headers_all["x-team"].exists(v, v == "blue")',
    'request.auth.jwt.scopes == ["read", "write"]',
    'request.auth.jwt.scopes.exists(s, s == "read")',
    'request.auth.jwt.scopes.all(s, s.size() > 3)',
    'request.auth.jwt.scopes.exists_one(s, s.contains("rit"))',
    '"ops" in request.auth.jwt.claims.roles && !("boss" in request.auth.jwt.claims.roles)',
    '"team" in request.auth.jwt.claims.org',
    'request.auth.jwt.claims.org.team == "a"',
    'request.auth.jwt.claims["org"]["team"] != "b"',
    'request.auth.jwt.claims.level >= 3 && request.auth.jwt.claims.level == 3 && request.auth.jwt.claims.level < 3.5',
    'int(request.auth.jwt.claims.level) + 1 == 4',
    'request.auth.jwt.claims.level * 2.0 == 6.0',
    'request.auth.jwt.claims.flag',
    'request.auth.jwt.claims.nothing == null',
    'has(request.auth.jwt.claims.sub) && !has(request.auth.jwt.claims.email)',
    'request.auth.jwt.claims.?email.orValue("none") == "none"',
    'request.auth.jwt.claims.?org.team.orValue("none") == "a"',
    'request.headers[?"x-no"].orValue("") == "" && !request.headers[?"x-no"].hasValue()',
    'request.mcp.method == "tools/call" && request.mcp.backend == "github" && request.mcp.tool in ["list_issues", "x"]',
    'request.mcp.params.arguments.labels[1].name == "ui"',
    'request.mcp.params.arguments.labels.map(l, l.name) == ["bug", "ui"]',
    'request.mcp.params.arguments.labels.filter(l, l.name.matches("^u")).size() == 1',
    'request.mcp.params.arguments.labels.exists(l, request.auth.jwt.claims.roles.exists(r, r + "x" == "devx" && l.name == "bug"))',
    'request.mcp.params.arguments.repo.matches("^[a-z]+/b$")',
    'request.mcp.tool.matches("issue")',
    'size(request.mcp.tool) == 11 && "é".size() == 1 && "😀".size() == 1',
    'request.auth.jwt.claims.nope == 1 || true',
    '!(request.auth.jwt.claims.nope == 1 && false)',
    'true ? request.auth.jwt.claims.sub == "ann" : request.auth.jwt.claims.nope',
    'dyn(1) == 1.0 && 2u == 2u && -1 < 0 && 7 / 2 == 3 && 7 % 4 == 3',
    'double("1.5") == 1.5 && int("-7") == -7 && string(12) == "12" && "ABÉ".lowerAscii() == "abÉ"',
  ])('%s holds', (text) => {
    expect(run(text)).toBe(true);
  });

  it.each([
    'request.auth.jwt.claims.email == "x"',
    'request.auth.jwt.claims.sub',
    'request.auth.jwt.claims.sub > 3',
    'request.auth.jwt.claims.level + 1 == 4',
    'request.auth.jwt.claims.sub.nope == 1',
    'request.mcp.params.arguments.labels[2].name == "x"',
    'request.mcp.params.arguments.labels[-1].name == "x"',
    'request.auth.jwt.claims.sub.exists(x, true)',
    'request.auth.jwt.claims.constructor == 1',
    'request.headers["__proto__"] == "x"',
    '9223372036854775807 + request.auth.jwt.claims.roles.size() > 0',
    'request.auth.jwt.claims.roles.size() / 0 == 1',
    'request.auth.jwt.claims.nope == 1 || false',
    'request.auth.jwt.claims.roles.all(r, r.nope)',
    'int(request.auth.jwt.claims.sub) == 1',
  ])('%s has no value', (text) => {
    expect(run(text)).toBeUndefined();
  });

  it.each([
    ['', 'unexpected token: EOF'],
    ['request.', expect.stringMatching(/^p: expected .*EOF/i)],
    ['reqest.method == "x"', 'there is no variable "reqest"; did you mean "request"?'],
    ['request.metod == "x"', 'there is no field "metod"; did you mean "method"?'],
    ['request.mcp.zzz == "x"', 'there is no field "zzz"; there are method, backend, tool, params'],
    ['request.auth.jwt.scope == "x"', 'there is no field "scope"; did you mean "scopes"?'],
    ['has(request.mcp.parms)', 'there is no field "parms"; did you mean "params"?'],
    ['request.mcp.tool.size()', 'its result is of type int, and must be bool'],
    ['"a"', 'its result is of type string, and must be bool'],
    ['1 + "a" == 2', 'no such overload: int + string'],
    ['request.mcp.tool.matches("(")', expect.stringMatching(/^p: matches\(\) is given no regular expression of RE2: /)],
    ['request.mcp.tool.matches(request.mcp.params.p)', 'matches() takes a text that stands in the expression'],
    ['request.mcp.tool.split("_").size() == 2', expect.stringMatching(/^p: split\(\) is not supported; there are startsWith, /)],
    ['cel.bind(a, 1, a == 1)', expect.stringMatching(/^p: bind\(\) is not supported/)],
    ['timestamp("2026-01-01T00:00:00Z") == timestamp("2026-01-01T00:00:00Z")', expect.stringMatching(/^p: timestamp\(\) is not supported/)],
    ['request.mcp.params == {"a": 1}', expect.stringMatching(/^p: /)],
    ['b"a" == b"a"', 'bytes cannot be used here'],
    ['[1].exists(x, y == 1)', 'there is no variable "y"'],
    [`${' '.repeat(4096)}1`, 'it has 4097 characters, and may have 4096'],
    [`${'('.repeat(100)}true${')'.repeat(100)}`, 'exceeded maxDepth (64)'],
  ])('%s is refused', (text, reason) => {
    expect(run(text)).toEqual(typeof reason === 'string' ? `p: ${reason}` : reason);
  });

  it('tells headers that came several times apart', () => {
    const raw = { headersDistinct: { 'x-team': ['red', 'blue'] } };
    const facts = { ...FACTS, caller: { ...FACTS.caller, raw } };
    expect(run('request.headers["x-team"] == "red"', facts)).toBe(true);
    expect(run('request.headers_all["x-team"] == ["red", "blue"]', facts)).toBe(true);
  });

  it('has nothing of a caller without a token, and of parameters that are no JSON', () => {
    const facts: McpFacts = { ...FACTS, token: undefined, tool: '', params: () => JSON.parse('{') as unknown };
    expect(run('request.auth.jwt.scopes == [] && size(request.auth.jwt.claims) == 0 && request.mcp.tool == ""', facts)).toBe(true);
    expect(run('has(request.mcp.params)', facts)).toBe(false);
    expect(run('request.mcp.params.a == 1', facts)).toBeUndefined();
  });

  it.each<[string, unknown, string]>([
    ['a long list', Array.from({ length: 200_000 }, () => 'x'), 'request.mcp.params.exists(x, x == "y")'],
    [
      'a list of many lists',
      Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => 1)),
      'request.mcp.params.all(x, x.all(y, y == 1))',
    ],
    [
      'two lists that are compared',
      Array.from({ length: 200_000 }, (_, index) => [index]),
      'request.mcp.params == request.mcp.params.map(x, x)',
    ],
    ['a long text', 'x'.repeat(2_000_000), 'request.mcp.params.contains("y")'],
    ['a long text for a pattern', 'x'.repeat(16_000), 'request.mcp.params.matches("(x+x+)+y and so on, and so on")'],
    [
      'a map of many keys',
      Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, 1])),
      'size(request.mcp.params) > 0',
    ],
  ])('takes no more work than it may, for %s', (_name, params, text) => {
    expect(run(text, { ...FACTS, params: () => params })).toBeUndefined();
  });

  it('compares what is nested as deep as clients like', () => {
    expect(run('request.mcp.params[0] == request.mcp.params[1]', twice(50))).toBe(true);
    expect(run('request.mcp.params[0] == request.mcp.params[1]', twice(5000))).toBeUndefined();
  });

  it('never throws, whatever the text and the parameters', () => {
    const word = fc.constantFrom(...WORDS);
    const text = fc.oneof(
      fc.string(),
      fc.array(word, { maxLength: 14 }).map((words) => words.join('')),
    );
    fc.assert(
      fc.property(text, fc.jsonValue(), (expression, params) => {
        expect(['boolean', 'undefined', 'string']).toContain(typeof run(expression, { ...FACTS, params: () => params }));
      }),
      { numRuns: 3000 },
    );
  });
});
