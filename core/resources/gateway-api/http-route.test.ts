import { describe, expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { HTTPRoute } from './http-route.ts';

const RULE = 'spec.rules[0]';

function problemsOfRule(yaml: string): string[] {
  return problemsOfSpec(HTTPRoute, `{rules: [${yaml}]}`);
}

function ruleOf(matches: number): object {
  return { matches: Array.from({ length: matches }, () => ({})) };
}

describe('defaults', () => {
  const everyPath = [{ path: { type: 'PathPrefix', value: '/' } }];

  it('matches every path when a route says nothing', () => {
    const body = { spec: {} };
    expect(problemsOf(HTTPRoute, body)).toEqual([]);
    expect(body).toEqual({ spec: { rules: [{ matches: everyPath }] } });
  });

  it('fills in what a rule leaves out', () => {
    const body = {
      spec: {
        parentRefs: [{ name: 'gw' }],
        rules: [
          { backendRefs: [{ name: 'a', port: 80 }] },
          {
            matches: [{ headers: [{ name: 'x', value: 'y' }] }, { path: { value: '/a' } }],
            filters: [{ type: 'RequestRedirect', requestRedirect: {} }],
          },
        ],
      },
    };
    expect(problemsOf(HTTPRoute, body)).toEqual([]);
    expect(body.spec).toEqual({
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }],
      rules: [
        { matches: everyPath, backendRefs: [{ group: '', kind: 'Service', name: 'a', port: 80, weight: 1 }] },
        {
          matches: [
            { ...everyPath[0], headers: [{ type: 'Exact', name: 'x', value: 'y' }] },
            { path: { type: 'PathPrefix', value: '/a' } },
          ],
          filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 302 } }],
        },
      ],
    });
  });

  it('gives every route its own copy of a default', () => {
    const [first, second]: { spec: { rules?: { matches: unknown[] }[] } }[] = [{ spec: {} }, { spec: {} }];
    problemsOf(HTTPRoute, first);
    problemsOf(HTTPRoute, second);
    first!.spec.rules![0]!.matches.push('changed');
    expect(second!.spec.rules![0]!.matches).toEqual(everyPath);
  });
});

describe('parentRefs', () => {
  it.each([
    ['[{name: a}, {name: b}, {name: a, namespace: x}, {name: a, kind: Other}]', []],
    ['[{name: a, sectionName: x}, {name: a, sectionName: y}]', []],
    ['[{name: a}, {name: a}]', ['spec.parentRefs[1]: names Gateway a again; tell the references apart by sectionName']],
    [
      '[{name: a, namespace: n}, {name: a, namespace: n}]',
      ['spec.parentRefs[1]: names Gateway a again; tell the references apart by sectionName'],
    ],
    ['[{name: a, sectionName: x}, {name: a, sectionName: x}]', ['spec.parentRefs[1]: names Gateway a again with section x']],
    [
      '[{name: a, sectionName: x}, {name: a}]',
      ['spec.parentRefs[1].sectionName: must be set on every reference to Gateway a, or on a single one'],
    ],
    ['[{sectionName: x}]', ['spec.parentRefs[0].name: is required']],
    ['[{name: a, port: 0}]', ['spec.parentRefs[0].port: must be >= 1, not 0']],
  ])('%s', (parents, problems) => {
    expect(problemsOfSpec(HTTPRoute, `parentRefs: ${parents}`)).toEqual(problems);
  });
});

describe('matches', () => {
  const value = `${RULE}.matches[0].path.value`;
  it.each([
    ['{path: {type: Exact, value: /v1/chat/completions}}', []],
    [`{path: {value: "/a%2e-._~!$&'()*+,;=:@"}}`, []],
    ['{path: {value: /a/..b/.c/d.}}', []],
    ['{path: {type: RegularExpression, value: "/v[0-9]+//.*"}}', []],
    ['{path: {value: a}}', [`${value}: "a" must start with "/"`]],
    ['{path: {value: ""}}', [`${value}: "" must start with "/"`]],
    ['{path: {value: /a//b}}', [`${value}: "/a//b" must not contain "//"`]],
    ['{path: {value: /a/./b}}', [`${value}: "/a/./b" must not contain "/./"`]],
    ['{path: {value: /a/../b}}', [`${value}: "/a/../b" must not contain "/../"`]],
    ['{path: {value: /a%2fb}}', [`${value}: "/a%2fb" must not contain "%2f"`]],
    ['{path: {type: Exact, value: /a%2Fb}}', [`${value}: "/a%2Fb" must not contain "%2F"`]],
    ['{path: {value: "/a#b"}}', [`${value}: "/a#b" must not contain "#"`]],
    ['{path: {value: /a/..}}', [`${value}: "/a/.." must not end with "/.."`]],
    ['{path: {value: /a/.}}', [`${value}: "/a/." must not end with "/."`]],
    ['{path: {value: /a b}}', [`${value}: "/a b" has a character that a path cannot have; write it as %XX`]],
    ['{path: {value: "/a?b"}}', [`${value}: "/a?b" has a character that a path cannot have; write it as %XX`]],
    ['{path: {value: /a%2}}', [`${value}: "/a%2" has a character that a path cannot have; write it as %XX`]],
    ['{path: {value: "/ü"}}', [`${value}: "/ü" has a character that a path cannot have; write it as %XX`]],
    ['{path: {value: "/a\\n"}}', [`${value}: "/a\\n" has a character that a path cannot have; write it as %XX`]],
    [
      '{path: {type: RegularExpression, value: "/a(?=b)"}}',
      [expect.stringMatching(/matches\[0\]\.path\.value: "\/a\(\?=b\)" is no RE2 regular expression: /)],
    ],
    [
      '{path: {type: Prefix, value: /}}',
      [`${RULE}.matches[0].path.type: must be one of Exact, PathPrefix, RegularExpression, not "Prefix"`],
    ],
    [
      '{headers: [{name: a, value: "[", type: RegularExpression}], queryParams: [{name: a, value: "(", type: RegularExpression}]}',
      [expect.stringContaining('headers[0].value: "[" is no RE2'), expect.stringContaining('queryParams[0].value: "(" is no RE2')],
    ],
    [
      '{headers: [{name: a, value: b}, {name: a, value: c}], queryParams: [{name: q, value: b}, {name: p, value: b}, {name: q, value: c}]}',
      [
        `${RULE}.matches[0].headers[1].name: "a" is matched twice; every name may stand here once`,
        `${RULE}.matches[0].queryParams[2].name: "q" is matched twice; every name may stand here once`,
      ],
    ],
    ['{headers: [{name: "a b", value: c}]}', [expect.stringMatching(/headers\[0\]\.name: "a b" is no /)]],
    ['{headers: [{name: a}]}', [`${RULE}.matches[0].headers[0].value: is required`]],
    [
      '{method: get}',
      [
        `${RULE}.matches[0].method: must be one of GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH, not "get"; did you mean "GET"?`,
      ],
    ],
    ['{header: []}', [`${RULE}.matches[0].header: unknown field; did you mean "headers"?`]],
    [
      `{queryParams: [{name: a, value: ${'v'.repeat(1025)}}]}`,
      [expect.stringMatching(/queryParams\[0\]\.value: must NOT have more than 1024/)],
    ],
    [`{headers: [{name: a, value: ${'v'.repeat(4096)}}]}`, []],
  ])('%s', (match, problems) => {
    expect(problemsOfRule(`{matches: [${match}]}`)).toEqual(problems);
  });

  it('bounds their number, in a rule and in all rules', () => {
    expect(problemsOf(HTTPRoute, { spec: { rules: [ruleOf(64), ruleOf(64)] } })).toEqual([]);
    expect(problemsOf(HTTPRoute, { spec: { rules: [ruleOf(64), ruleOf(64), {}] } })).toEqual([
      'spec.rules: have 129 matches; a route may have 128',
    ]);
    expect(problemsOf(HTTPRoute, { spec: { rules: [ruleOf(65)] } })).toEqual([
      expect.stringContaining('spec.rules[0].matches: must NOT have more than 64'),
    ]);
    expect(problemsOf(HTTPRoute, { spec: { rules: [] } })).toEqual(['spec.rules: must NOT have fewer than 1 items, not []']);
  });
});

describe('filters', () => {
  const at = `${RULE}.filters`;
  it.each([
    ['[{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], add: [{name: a, value: c}], remove: [d]}}]', []],
    ['[{type: ResponseHeaderModifier, responseHeaderModifier: {}}, {type: URLRewrite, urlRewrite: {hostname: a.b}}]', []],
    ['[{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: ""}}}]', []],
    ['[{type: RequestRedirect}]', [`${at}[0].requestRedirect: is required for a filter of type RequestRedirect`]],
    ['[{type: URLRewrite}]', [`${at}[0].urlRewrite: is required for a filter of type URLRewrite`]],
    ['[{type: ResponseHeaderModifier}]', [`${at}[0].responseHeaderModifier: is required for a filter of type ResponseHeaderModifier`]],
    [
      '[{type: RequestHeaderModifier, responseHeaderModifier: {}}]',
      [
        `${at}[0].requestHeaderModifier: is required for a filter of type RequestHeaderModifier`,
        `${at}[0].responseHeaderModifier: does not belong to a filter of type RequestHeaderModifier`,
      ],
    ],
    [
      '[{type: URLRewrite, urlRewrite: {}, requestRedirect: {}, requestHeaderModifier: {}}]',
      [
        `${at}[0].requestHeaderModifier: does not belong to a filter of type URLRewrite`,
        `${at}[0].requestRedirect: does not belong to a filter of type URLRewrite`,
      ],
    ],
    [
      '[{type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, requestRedirect: {}}]',
      [`${at}: has both a RequestRedirect and a URLRewrite; a request that is redirected is not sent on`],
    ],
    [
      '[{type: URLRewrite, urlRewrite: {}}, {type: URLRewrite, urlRewrite: {}}]',
      [`${at}[1].type: a filter of type URLRewrite stands here twice`],
    ],
    [
      '[{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}, {name: a, value: c}], add: [{name: a, value: b}, {name: a, value: c}]}}]',
      [
        `${at}[0].requestHeaderModifier.set[1].name: "a" stands twice in set; every name may stand here once`,
        `${at}[0].requestHeaderModifier.add[1].name: "a" stands twice in add; every name may stand here once`,
      ],
    ],
    [
      '[{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, a]}}]',
      [expect.stringMatching(/requestHeaderModifier\.remove: must NOT have duplicate items/)],
    ],
    [
      '[{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: a, value: "b\\r\\nc: d"}]}}]',
      [`${at}[0].responseHeaderModifier.set[0].value: holds a line break or a NUL, which no HTTP header can carry`],
    ],
    [
      '[{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replacePrefixMatch: /}}}]',
      [
        `${at}[0].requestRedirect.path.replaceFullPath: is required for type ReplaceFullPath`,
        `${at}[0].requestRedirect.path.replacePrefixMatch: does not belong to type ReplaceFullPath`,
      ],
    ],
    [
      '[{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replaceFullPath: /}}}]',
      [
        `${at}[0].urlRewrite.path.replaceFullPath: does not belong to type ReplacePrefixMatch`,
        `${at}[0].urlRewrite.path.replacePrefixMatch: is required for type ReplacePrefixMatch`,
      ],
    ],
    [
      '[{type: RequestRedirect, requestRedirect: {statusCode: 300}}]',
      [expect.stringContaining('requestRedirect.statusCode: must be one of 301, 302, 303, 307, 308, not 300')],
    ],
    ['[{type: RequestRedirect, requestRedirect: {hostname: "*.a"}}]', [expect.stringMatching(/requestRedirect\.hostname: "\*\.a" is no /)]],
    ['[{type: URLRewrites}]', [expect.stringMatching(/filters\[0\]\.type: must be one of .*; did you mean "URLRewrite"\?$/)]],
  ])('%s', (filters, problems) => {
    expect(problemsOfRule(`{filters: ${filters}}`)).toEqual(problems);
  });

  it.each([
    [
      '[{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}}}, {type: RequestMirror, requestMirror: {backendRef: {name: b, port: 1}, percent: 0}}]',
      [],
    ],
    ['[{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, fraction: {numerator: 100}}}]', []],
    ['[{type: RequestMirror}]', [`${at}[0].requestMirror: is required for a filter of type RequestMirror`]],
    [
      '[{type: RequestMirror, requestMirror: {backendRef: {name: a}}}]',
      [`${at}[0].requestMirror.backendRef.port: is required, as a is a Service`],
    ],
    [
      '[{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, percent: 101}}]',
      [`${at}[0].requestMirror.percent: must be <= 100, not 101`],
    ],
    [
      '[{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, percent: 1, fraction: {numerator: 3, denominator: 2}}}]',
      [
        `${at}[0].requestMirror: has both percent and fraction; one of them says the share`,
        `${at}[0].requestMirror.fraction.numerator: 3 is more than the denominator, which is 2`,
      ],
    ],
    [
      '[{type: RequestRedirect, requestRedirect: {}}, {type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}}}]',
      [`${at}: has both a RequestRedirect and a RequestMirror; a request that is redirected is not sent anywhere`],
    ],
    [
      '[{type: CORS, cors: {allowOrigins: ["https://*.a.com", "http://a.com:8080"], allowMethods: [GET, PUT], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 1, allowCredentials: true}}]',
      [],
    ],
    ['[{type: CORS, cors: {}}, {type: CORS, cors: {}}]', [`${at}[1].type: a filter of type CORS stands here twice`]],
    [
      '[{type: CORS, cors: {allowOrigins: ["*", "https://a.com"], allowMethods: ["*"], allowHeaders: ["*", a], maxAge: 0}}]',
      [expect.stringMatching(/cors\.maxAge: must be >= 1, not 0/)],
    ],
    [
      '[{type: CORS, cors: {allowOrigins: ["*", "https://a.com"], allowMethods: ["*"], allowHeaders: ["*", a]}}]',
      [
        `${at}[0].cors.allowOrigins: has "*" beside other entries; "*" stands for all of them`,
        `${at}[0].cors.allowHeaders: has "*" beside other entries; "*" stands for all of them`,
      ],
    ],
    ['[{type: CORS, cors: {allowOrigins: [a.com]}}]', [expect.stringMatching(/cors\.allowOrigins\[0\]: "a\.com" is no /)]],
  ])('%s', (filters, problems) => {
    expect(problemsOfRule(`{filters: ${filters}}`)).toEqual(problems);
  });

  it('fill in how long a browser keeps an answer', () => {
    const cors = {};
    expect(problemsOf(HTTPRoute, { spec: { rules: [{ filters: [{ type: 'CORS', cors }] }] } })).toEqual([]);
    expect(cors).toEqual({ maxAge: 5 });
  });

  it('copy no requests for a pool', () => {
    const mirror = '{type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}}}';
    expect(
      problemsOfRule(`{filters: [${mirror}], backendRefs: [{name: p, group: inference.networking.k8s.io, kind: InferencePool}]}`),
    ).toEqual([`${at}: copy requests for an InferencePool: the copy of a model call would be charged like the call`]);
  });

  it.each([
    ['RequestMirror', 'requestMirror', '{backendRef: {name: a, port: 1}}'],
    ['CORS', 'cors', '{}'],
  ])('of a backend are not of type %s', (type, member, settings) => {
    const path = `${RULE}.backendRefs[0].filters[0]`;
    expect(problemsOfRule(`{backendRefs: [{name: a, port: 1, filters: [{type: ${type}, ${member}: ${settings}}]}]}`)).toEqual([
      expect.stringMatching(/: is not supported: .*filters of the rule$/),
      expect.stringContaining(`${path}.type: "${type}" is not supported: `),
    ]);
  });

  it.each([
    ['ExternalAuth', 'externalAuth', '{}'],
    ['ExtensionRef', 'extensionRef', '{group: a, kind: B, name: c}'],
  ])('refuses %s by its type and by its member', (type, member, settings) => {
    for (const [path, yaml] of [
      [`${RULE}.filters[0]`, `{filters: [{type: ${type}, ${member}: ${settings}}]}`],
      [`${RULE}.backendRefs[0].filters[0]`, `{backendRefs: [{name: a, port: 1, filters: [{type: ${type}, ${member}: ${settings}}]}]}`],
    ] as const) {
      expect(problemsOfRule(yaml)).toEqual([
        expect.stringContaining(`${path}.${member}: is not supported: `),
        expect.stringContaining(`${path}.type: "${type}" is not supported: `),
      ]);
    }
  });

  it.each([
    ['no match by prefix', '{matches: [{path: {type: Exact, value: /a}}], filters: [F]}', false],
    ['two matches', '{matches: [{}, {}], filters: [F]}', false],
    ['an empty list of matches', '{matches: [], filters: [F]}', false],
    ['one match by prefix', '{matches: [{path: {value: /a}}], filters: [F]}', true],
    ['the match by default', '{filters: [F]}', true],
  ])('replaces a prefix with %s', (_name, rule, fits) => {
    for (const filter of [
      '{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}',
      '{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}',
    ]) {
      const problem = `${RULE}.matches: must be one match by PathPrefix: a filter of the rule replaces that prefix`;
      expect(problemsOfRule(rule.replace('F', filter))).toEqual(fits ? [] : [problem]);
    }
  });
});

describe('backendRefs', () => {
  const at = `${RULE}.backendRefs`;
  it.each([
    ['[{name: a, port: 80, weight: 0}, {name: a, port: 80, weight: 1000000}]', []],
    ['[{name: p, group: inference.networking.k8s.io, kind: InferencePool}, {name: b, group: gateway.envoyproxy.io, kind: Backend}]', []],
    ['[{name: a, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: y}]}}]}]', []],
    ['[{name: a}]', [`${at}[0].port: is required, as a is a Service`]],
    ['[{name: a, port: 80, weight: 1000001}]', [`${at}[0].weight: must be <= 1000000, not 1000001`]],
    ['[{name: a, port: 80, weight: -1}]', [`${at}[0].weight: must be >= 0, not -1`]],
    ['[{name: a, port: 80, weight: 0.5}]', [`${at}[0].weight: must be integer, not 0.5`]],
    [
      '[{name: a, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {}}, {type: RequestHeaderModifier, requestHeaderModifier: {}}]}]',
      [`${at}[0].filters[1].type: a filter of type RequestHeaderModifier stands here twice`],
    ],
    [
      '[{name: a, port: 80, filters: [{type: RequestHeaderModifier}]}]',
      [`${at}[0].filters[0].requestHeaderModifier: is required for a filter of type RequestHeaderModifier`],
    ],
    [
      '[{name: a, port: 80, filters: [{type: URLRewrite, urlRewrite: {}}]}]',
      [
        expect.stringMatching(/filters\[0\]\.urlRewrite: is not supported: .*filters of the rule$/),
        expect.stringMatching(/filters\[0\]\.type: "URLRewrite" is not supported: /),
      ],
    ],
    [
      `[${Array.from({ length: 17 }, () => '{name: a, port: 80}').join(', ')}]`,
      [expect.stringMatching(/backendRefs: must NOT have more than 16 items/)],
    ],
  ])('%s', (backends, problems) => {
    expect(problemsOfRule(`{backendRefs: ${backends}}`)).toEqual(problems);
  });

  it('has none beside a redirect', () => {
    const redirect = 'filters: [{type: RequestRedirect, requestRedirect: {}}]';
    expect(problemsOfRule(`{${redirect}, backendRefs: []}`)).toEqual([]);
    expect(problemsOfRule(`{${redirect}, backendRefs: [{name: a, port: 80}]}`)).toEqual([
      `${at}: must be empty: the rule redirects its requests, so none is sent to a backend`,
    ]);
  });
});

describe('timeouts, retry and what is refused', () => {
  it.each([
    ['{timeouts: {request: 10s, backendRequest: 1500ms}}', []],
    ['{timeouts: {request: 1m, backendRequest: 60s}}', []],
    ['{timeouts: {request: 0s, backendRequest: 1h}}', []],
    ['{timeouts: {request: 10s, backendRequest: 0s}}', []],
    [
      '{timeouts: {request: 1h30m, backendRequest: 91m}}',
      [`${RULE}.timeouts.backendRequest: 91m is longer than timeouts.request, which is 1h30m`],
    ],
    ['{timeouts: {request: 1.5s}}', [`${RULE}.timeouts.request: "1.5s" is no duration`]],
    ['{timeouts: {request: 10}}', [`${RULE}.timeouts.request: must be string, not 10`]],
    ['{retry: {codes: [500, 503], attempts: 2, backoff: 100ms}}', []],
    [
      '{retry: {codes: [399, 600], attempts: -1}}',
      [
        `${RULE}.retry.codes[0]: must be >= 400, not 399`,
        `${RULE}.retry.codes[1]: must be <= 599, not 600`,
        `${RULE}.retry.attempts: must be >= 0, not -1`,
      ],
    ],
    ['{sessionPersistence: {sessionName: a}}', [expect.stringMatching(/^spec\.rules\[0\]\.sessionPersistence: is not supported: /)]],
    ['{backendRef: []}', [`${RULE}.backendRef: unknown field; did you mean "backendRefs"?`]],
    ['{name: a b}', [expect.stringMatching(/^spec\.rules\[0\]\.name: "a b" is no /)]],
  ])('%s', (rule, problems) => {
    expect(problemsOfRule(rule)).toEqual(problems);
  });

  it('refuses what belongs to the route', () => {
    expect(problemsOfSpec(HTTPRoute, '{useDefaultGateways: All, hostname: [a]}')).toEqual([
      expect.stringMatching(/^spec\.useDefaultGateways: is not supported: /),
      'spec.hostname: unknown field; did you mean "hostnames"?',
    ]);
    expect(problemsOfSpec(HTTPRoute, 'hostnames: ["*.a.com", "a.*.com"]')).toEqual([
      expect.stringMatching(/^spec\.hostnames\[1\]: "a\.\*\.com" is no /),
    ]);
  });
});
