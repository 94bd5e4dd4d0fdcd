import { expect, it, test } from 'vitest';

import { compileToolSelector } from './selector.ts';

const TOOLS = ['list_issues', 'get_issue', 'delete_issue', 'search', 'a\nissue'];

test.each([
  [undefined, TOOLS],
  [{ include: ['search', 'nothing'] }, ['search']],
  [{ include: [] }, []],
  [{ includeRegex: ['issue'] }, ['list_issues', 'get_issue', 'delete_issue', 'a\nissue']],
  [{ includeRegex: ['^get_', 'ch$'] }, ['get_issue', 'search']],
  [{ includeRegex: ['.*issues?.*'] }, ['list_issues', 'get_issue', 'delete_issue', 'a\nissue']],
  [{ includeRegex: ['(?i)SEARCH'] }, ['search']],
  [{ exclude: ['search'] }, ['list_issues', 'get_issue', 'delete_issue', 'a\nissue']],
  [{ excludeRegex: ['issue'] }, ['search']],
  [{ include: ['get_issue', 'search'], exclude: ['search'] }, ['get_issue']],
  [{ includeRegex: ['.*'], excludeRegex: ['delete', 'list'] }, ['get_issue', 'search', 'a\nissue']],
  [{ include: ['get_issue'], excludeRegex: ['get_issue|search'] }, []],
])('%j', (selector, seen) => {
  expect(TOOLS.filter(compileToolSelector(selector))).toEqual(seen);
});

it('shows nothing that it cannot judge', () => {
  const name = `delete${'x'.repeat(20_000)}`;
  expect(compileToolSelector({ excludeRegex: ['delete'] })(name)).toBe(false);
});

test.each(['(', 'a)|(b', '(?<=a)b'])('%s is no expression', (source) => {
  expect(() => compileToolSelector({ includeRegex: [source] })).toThrow('error parsing regexp');
});
