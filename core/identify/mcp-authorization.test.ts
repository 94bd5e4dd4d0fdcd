import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Authorization as Spec } from '../resources/ai-gateway/mcp-authorization.ts';
import { caller } from './identify.fixture.ts';
import {
  type BackendSelector,
  compileBackendSelector,
  compileMcpAuthorization,
  type McpAsked,
  type McpDecision,
} from './mcp-authorization.ts';

type RuleSpec = NonNullable<Spec['rules']>[number];

const rule = (spec: Partial<RuleSpec>): RuleSpec => ({ action: 'Allow', ...spec });
const jwt = (
  scopes: string[],
  claims: [name: string, type: 'String' | 'StringArray', ...values: string[]][] = [],
): NonNullable<RuleSpec['source']> => ({
  jwt: { scopes, claims: claims.map(([name, valueType, ...values]) => ({ name, valueType, values })) },
});
const tools = (...names: string[]): NonNullable<RuleSpec['target']> => ({
  tools: names.map((name) => ({ backend: name.split('/')[0]!, tool: name.split('/')[1]! })),
});
const asked = (more: Partial<McpAsked> & { claims?: Record<string, unknown> } = {}): McpAsked => {
  const { claims, ...rest } = more;
  const token = claims === undefined ? undefined : { provider: 'oauth', claims };
  return { caller: caller(), token, method: 'tools/call', server: 'github', kind: 'tool', name: 'list', ...rest };
};

const problems: string[] = [];
const compile = (rules: RuleSpec[], defaultAction: 'Allow' | 'Deny' = 'Deny'): ((what: McpAsked) => McpDecision) => {
  problems.length = 0;
  return compileMcpAuthorization({ defaultAction, rules }, 'spec', (path, message) => problems.push(`${path}: ${message}`));
};
const compiled = (selector?: BackendSelector) =>
  compileBackendSelector(selector, 'spec.backendSelector', (path, message) => problems.push(`${path}: ${message}`));
const NO: McpDecision = { allowed: false, missingScopes: [] };
const YES: McpDecision = { allowed: true };
const lacks = (...missingScopes: string[]): McpDecision => ({ allowed: false, missingScopes });

describe('authorization of an MCPRoute', () => {
  it('allows all where there is none, and else the default', () => {
    expect(compileMcpAuthorization(undefined, 'spec', () => undefined)(asked())).toEqual(YES);
    expect(compile([])(asked())).toEqual(NO);
    expect(compile([], 'Allow')(asked())).toEqual(YES);
  });

  it('lets the first rule that matches decide', () => {
    const decide = compile([
      rule({ action: 'Deny', target: tools('github/delete', 'gitlab/list') }),
      rule({ target: tools('github/list', 'github/delete') }),
      rule({ action: 'Deny', target: tools('github/list') }),
    ]);
    expect(decide(asked())).toEqual(YES);
    expect(decide(asked({ name: 'delete' }))).toEqual(NO);
    expect(decide(asked({ name: 'create' }))).toEqual(NO);
    expect(decide(asked({ server: 'gitlab' }))).toEqual(NO);
    // A name that a plain object would have.
    expect(decide(asked({ server: '__proto__', name: 'constructor' }))).toEqual(NO);
  });

  it('has rules with tools for tools alone', () => {
    const decide = compile([rule({ target: tools('github/list') })]);
    for (const kind of ['prompt', 'resource', 'other'] as const) expect(decide(asked({ kind }))).toEqual(NO);
    const open = compile([rule({ action: 'Deny', target: tools('github/list') }), rule({})]);
    expect(open(asked())).toEqual(NO);
    for (const kind of ['prompt', 'resource', 'other'] as const) expect(open(asked({ kind }))).toEqual(YES);
  });

  it('wants all scopes and all claims, of a claim any value', () => {
    const decide = compile([
      rule({
        source: jwt(
          ['a', 'b'],
          [
            ['org.team', 'String', 'x', 'y'],
            ['roles', 'StringArray', 'admin'],
          ],
        ),
      }),
    ]);
    const claims = { scope: 'a b c', org: { team: 'y' }, roles: ['user', 'admin'] };
    expect(decide(asked({ claims }))).toEqual(YES);
    expect(decide(asked({ claims: { ...claims, roles: 'admin' } }))).toEqual(YES);
    expect(decide(asked({ claims: { ...claims, scope: ['b', 'a'] } }))).toEqual(YES);
    expect(decide(asked({ claims: { ...claims, org: { team: ['y'] } } }))).toEqual(NO);
    expect(decide(asked({ claims: { ...claims, org: { team: 'z' } } }))).toEqual(NO);
    expect(decide(asked({ claims: { ...claims, roles: ['user'] } }))).toEqual(NO);
    expect(decide(asked({ claims: { ...claims, scope: 'a' } }))).toEqual(lacks('a', 'b'));
    expect(decide(asked())).toEqual(NO);
  });

  it('says which scopes would do, the fewest that do, and none where a rule denies before', () => {
    const decide = compile([
      rule({ source: jwt(['a', 'b']), target: tools('github/list', 'github/create') }),
      rule({ source: jwt(['c']), target: tools('github/list') }),
      rule({ action: 'Deny', target: tools('github/create', 'github/delete') }),
      rule({ source: jwt(['d']) }),
    ]);
    expect(decide(asked({ claims: {} }))).toEqual(lacks('c'));
    expect(decide(asked())).toEqual(lacks('c'));
    expect(decide(asked({ claims: {}, name: 'create' }))).toEqual(lacks('a', 'b'));
    expect(decide(asked({ claims: {}, name: 'delete' }))).toEqual(NO);
    expect(decide(asked({ claims: {}, name: 'other' }))).toEqual(lacks('d'));
    expect(decide(asked({ claims: { scope: 'c' } }))).toEqual(YES);
    expect(compile([rule({ source: jwt(['a']) })], 'Allow')(asked())).toEqual(YES);
    // A rule that denies those who have a scope says nothing to those who have not.
    expect(compile([rule({ action: 'Deny', source: jwt(['a']) })])(asked())).toEqual(NO);
  });

  it('never opens anything by an expression that has no value', () => {
    const cel = 'request.auth.jwt.claims.team == "a"';
    const allow = compile([rule({ cel })]);
    expect(allow(asked({ claims: { team: 'a' } }))).toEqual(YES);
    expect(allow(asked({ claims: { team: 'b' } }))).toEqual(NO);
    expect(allow(asked({ claims: {} }))).toEqual(NO);
    const deny = compile([rule({ action: 'Deny', cel }), rule({})]);
    expect(deny(asked({ claims: { team: 'a' } }))).toEqual(NO);
    expect(deny(asked({ claims: { team: 'b' } }))).toEqual(YES);
    expect(deny(asked({ claims: {} }))).toEqual(NO);
    // The rest of the rule has to match all the same.
    const narrow = compile([rule({ action: 'Deny', cel, target: tools('github/delete') }), rule({})]);
    expect(narrow(asked({ claims: {} }))).toEqual(YES);
  });

  it('reports expressions by place, and allows nothing by them', () => {
    const decide = compile([rule({ cel: '  ' }), rule({ cel: 'request.metod == "x"' }), rule({ cel: '1 +' })]);
    expect(problems).toEqual([
      'spec.rules[1].cel: there is no field "metod"; did you mean "method"?',
      'spec.rules[2].cel: unexpected token: EOF',
    ]);
    expect(decide(asked())).toEqual(YES);
    expect(compile([rule({ cel: '1 +' })])(asked())).toEqual(NO);
    expect(compile([rule({ action: 'Deny', cel: '1 +' }), rule({})])(asked())).toEqual(NO);
  });

  it('reads parameters where an expression names them, and once', () => {
    let reads = 0;
    const params = (): unknown => {
      reads++;
      return { arguments: { repo: 'a' } };
    };
    const named = 'request.mcp.params.arguments.repo';
    const decide = compile([
      rule({ target: tools('github/other'), cel: `${named} == "a"` }),
      rule({ cel: 'request.mcp.tool == "fast"' }),
      rule({ cel: `${named} == "b"` }),
      rule({ cel: `${named} == "a"` }),
    ]);
    expect(decide(asked({ name: 'fast', params }))).toEqual(YES);
    expect(reads).toBe(0);
    expect(decide(asked({ params }))).toEqual(YES);
    expect(reads).toBe(1);
    expect(decide(asked())).toEqual(NO);
  });

  it('decides as a plain reading of the rules does', () => {
    const names = fc.constantFrom('a', 'b', 'c');
    const ruleSpec = fc.record({
      action: fc.constantFrom('Allow' as const, 'Deny' as const),
      target: fc.option(
        fc.array(names, { minLength: 1, maxLength: 3 }).map((list) => tools(...list.map((name) => `s/${name}`))),
        { nil: undefined },
      ),
      scopes: fc.uniqueArray(names, { maxLength: 2 }),
      deny: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(ruleSpec, { maxLength: 6 }), fc.uniqueArray(names), names, fc.boolean(), (specs, granted, name, isTool) => {
        const rules = specs.map(({ action, target, scopes }) => ({
          action,
          ...(target && { target }),
          ...(scopes.length > 0 && { source: jwt(scopes) }),
        })) as RuleSpec[];
        const first = specs.find(({ target, scopes }) => {
          const right = target === undefined || (isTool && target.tools.some(({ tool }) => tool === name));
          return right && scopes.every((scope) => granted.includes(scope));
        });
        const kind = isTool ? 'tool' : 'resource';
        const decision = compile(rules)(asked({ server: 's', name, kind, claims: { scope: granted.join(' ') } }));
        expect(decision.allowed).toBe(first?.action === 'Allow');
        if (decision.allowed || decision.missingScopes.length === 0) return;
        // With them it is allowed, unless a rule denies those who have them.
        const all = [...granted, ...decision.missingScopes];
        const then = compile(rules)(asked({ server: 's', name, kind, claims: { scope: all.join(' ') } }));
        expect(then.allowed || specs.some(({ action, scopes }) => action === 'Deny' && scopes.length > 0)).toBe(true);
      }),
    );
  });
});

describe('backendSelector', () => {
  const who = { caller: caller({ 'x-team': 'blue' }), token: undefined, method: 'initialize' };

  it('shows all servers where there is none, and else by default none', () => {
    expect(compiled()(who, 'a')).toBe(true);
    expect(compiled({ defaultAction: 'Deny' })(who, 'a')).toBe(false);
    expect(compiled({ defaultAction: 'Allow' })(who, 'a')).toBe(true);
  });

  it('lets the first rule decide for each server', () => {
    const selects = compiled({
      defaultAction: 'Deny',
      rules: [
        { action: 'Deny', cel: 'request.mcp.backend == "secret"' },
        { action: 'Allow', cel: 'request.headers["x-team"] == "blue" && request.mcp.backend.startsWith("s")' },
        { action: 'Allow', cel: 'request.auth.jwt.claims.team == "red"' },
      ],
    });
    expect(selects(who, 'search')).toBe(true);
    expect(selects(who, 'secret')).toBe(false);
    expect(selects(who, 'mail')).toBe(false);
    expect(selects({ ...who, token: { provider: 'p', claims: { team: 'red' } } }, 'mail')).toBe(true);
    expect(compiled({ defaultAction: 'Allow', rules: [{ action: 'Deny', cel: 'request.auth.jwt.claims.no' }] })(who, 'a')).toBe(false);
    expect(compiled({ defaultAction: 'Deny', rules: [{ action: 'Allow' }] })(who, 'a')).toBe(true);
  });

  it('reports expressions by place', () => {
    problems.length = 0;
    compiled({
      defaultAction: 'Deny',
      rules: [
        { action: 'Allow', cel: 'true' },
        { action: 'Allow', cel: '"a"' },
      ],
    });
    expect(problems).toEqual(['spec.backendSelector.rules[1].cel: its result is of type string, and must be bool']);
  });
});
