import type { KindDefinition } from '../kind.ts';
import { Budget } from '../tierkit/budget.ts';
import { MCPToolLock } from '../tierkit/mcp-tool-lock.ts';
import { PriceTable } from '../tierkit/price-table.ts';
import { TokenExchange } from '../tierkit/token-exchange.ts';
import { TracePolicy } from '../tierkit/trace-policy.ts';
import { cel, type CelRule, COVERING_RULES, EACH_ONCE, excludes, keyedBy, needs } from './rules.ts';
import type { Additions } from './structural.ts';

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'date';
  readonly jsonPath: string;
  /** 1: with `-o wide` only. */
  readonly priority?: 1;
}

/** What a CRD says of a kind of ours beyond its schema. */
export interface OwnKind {
  readonly definition: KindDefinition;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  /** Those of the kind itself; of its conditions and its age all have the same. */
  readonly columns: readonly PrinterColumn[];
  readonly additions: Additions;
}

const text = (name: string, jsonPath: string): PrinterColumn => ({ name, type: 'string', jsonPath });

/** Of a budget in money: of what is more than can be counted nobody can count. */
const COUNTABLE: CelRule[] = [
  { rule: 'double(self) <= 900719925.4740991', message: 'is more than can be counted, which is 900719925' },
  { rule: "!self.matches('[.][0-9]{7}[0-9]*[1-9]')", message: 'is finer than can be counted, which is 0.0000001' },
];

const ONLY_MONEY = 'is for amount: calls of tools are paid in money, and have no tokens';

const BUDGET: OwnKind = {
  definition: Budget,
  plural: 'budgets',
  shortNames: ['bdg'],
  description:
    'How much may be spent: money, on models and tools, or tokens. A request goes to every Budget that covers it, and needs room in each.',
  columns: [
    text('Amount', '.spec.amount'),
    text('Currency', '.spec.currency'),
    { name: 'Tokens', type: 'integer', jsonPath: '.spec.tokens' },
    text('Window', '.spec.window.unit'),
    { name: 'Seconds', type: 'integer', jsonPath: '.spec.window.slidingSeconds', priority: 1 },
    text('Per', '.spec.per'),
    text('Mode', '.spec.mode'),
  ],
  additions: {
    ...COVERING_RULES,
    spec: cel(
      { rule: 'has(self.amount) || has(self.tokens)', message: 'one of amount and tokens is required' },
      excludes('tokens', 'has(self.amount)', 'cannot stand beside amount; use two Budgets'),
      needs('currency', 'has(self.amount)', 'is required with amount'),
      excludes('currency', '!has(self.amount)', 'is for amount, not for tokens'),
      excludes('onUnknownPrice', '!has(self.amount)', 'is for amount: tokens need no price'),
      {
        rule: "!has(self.tokens) || !has(self.targetRefs) || self.targetRefs.all(each, each.kind != 'MCPRoute')",
        message: `MCPRoute ${ONLY_MONEY}`,
        fieldPath: '.targetRefs',
      },
      { rule: '!has(self.tokens) || !has(self.match) || !has(self.match.tools)', message: `tools ${ONLY_MONEY}`, fieldPath: '.match' },
      { rule: "!has(self.tokens) || !has(self.per) || self.per != 'Tool'", message: `Tool ${ONLY_MONEY}`, fieldPath: '.per' },
      needs('header', "has(self.per) && self.per == 'Header'", 'is required with per: Header'),
      excludes('header', "!has(self.per) || self.per != 'Header'", 'is for per: Header'),
      excludes(
        'overrides',
        "!has(self.per) || self.per != 'Client'",
        'are for per: Client: where clients share a budget, none has an amount of its own',
      ),
      {
        rule: '!has(self.overrides) || self.overrides.all(each, has(each.amount) == has(self.amount) && has(each.tokens) != has(self.amount))',
        message: 'each needs amount where the budget has amount, and else tokens',
        fieldPath: '.overrides',
      },
      {
        rule: "!(self.mode == 'Hard' && has(self.onUnknownPrice) && self.onUnknownPrice == 'Ignore')",
        message: 'Ignore is for mode Soft: what has no price would pass a hard budget for nothing',
        fieldPath: '.onUnknownPrice',
      },
      {
        rule: "!(self.mode == 'Soft' && has(self.failureMode) && self.failureMode == 'Closed')",
        message: 'Closed is for mode Hard: a soft budget refuses nothing',
        fieldPath: '.failureMode',
      },
    ),
    'spec.amount': { maxLength: 22, ...cel(...COUNTABLE) },
    'spec.alerts': EACH_ONCE,
    'spec.overrides': keyedBy('client'),
    'spec.overrides[].amount': { maxLength: 22, ...cel(...COUNTABLE) },
    'spec.window': cel(
      { rule: 'has(self.unit) || has(self.slidingSeconds)', message: 'one of unit and slidingSeconds is required' },
      excludes('slidingSeconds', 'has(self.unit)', 'cannot stand beside unit'),
      excludes('timeZone', "!has(self.unit) || self.unit == 'Total'", 'is for a unit of the calendar'),
    ),
  },
};

const TOOL_LOCK: OwnKind = {
  definition: MCPToolLock,
  plural: 'mcptoollocks',
  shortNames: ['toollock'],
  description:
    'The tools of MCP servers as somebody has read and accepted them. A tool that is not in it, or is not any more what it was, is neither shown nor called until it is accepted.',
  columns: [text('Route', '.spec.targetRef.name'), text('First server', '.spec.servers[0].name')],
  additions: {
    'spec.servers': keyedBy('name'),
    'spec.servers[].tools': keyedBy('name'),
  },
};

const PRICES = [
  'input',
  'cachedInput',
  'cacheWrite',
  'cacheWrite1h',
  'output',
  'reasoning',
  'inputAudio',
  'outputAudio',
  'inputImage',
  'perImage',
  'perRequest',
];
const SOME_PRICE = cel({
  rule: PRICES.map((field) => `has(self.${field})`).join(' || '),
  message: 'has no price; one of 0 is "0"',
});
const IN_ORDER: CelRule = {
  rule: '!has(self.from) || !has(self.until) || self.from <= self.until',
  message: 'is before from',
  fieldPath: '.until',
};
/** The API server knows the days of the calendar. */
const DATE = { format: 'date' };

const PRICE_TABLE: OwnKind = {
  definition: PriceTable,
  plural: 'pricetables',
  shortNames: ['prices'],
  description:
    'What models, and tools of MCP servers, cost. All tables of a gateway hold together. Of the entries that fit, one that names the backend (of a tool: server, then route) goes first, then one that names the provider, then the longest name.',
  columns: [text('Currency', '.spec.currency'), text('First model', '.spec.entries[0].model'), text('First tool', '.spec.tools[0].tool')],
  additions: {
    spec: cel({ rule: 'has(self.entries) || has(self.tools)', message: 'one of entries and tools is required' }),
    'spec.entries[]': cel(excludes('provider', 'has(self.backend)', 'cannot stand beside backend: a backend speaks one API'), IN_ORDER),
    'spec.entries[].prices': SOME_PRICE,
    'spec.entries[].longInput.prices': SOME_PRICE,
    'spec.entries[].from': DATE,
    'spec.entries[].until': DATE,
    'spec.entries[].checked': DATE,
    'spec.tools[]': cel(IN_ORDER),
    'spec.tools[].price': {
      maxLength: 22,
      ...cel({ rule: 'double(self) <= 9007199.254740991', message: 'is more than can be counted, which is 9007199' }),
    },
    'spec.tools[].from': DATE,
    'spec.tools[].until': DATE,
    'spec.tools[].checked': DATE,
  },
};

const TOKEN_EXCHANGE: OwnKind = {
  definition: TokenExchange,
  plural: 'tokenexchanges',
  shortNames: ['tokenx'],
  description:
    'MCP servers of a route get a token of the caller that is meant for them (RFC 8693), in place of the one that the caller shows the gateway.',
  columns: [
    text('Route', '.spec.targetRef.name'),
    text('Endpoint', '.spec.tokenEndpoint'),
    text('Audience', '.spec.audience'),
    { ...text('Resource', '.spec.resource'), priority: 1 },
  ],
  additions: {
    'spec.tokenEndpoint': cel({
      rule: "!self.startsWith('http:') || self.matches('^http://(localhost|127[.]|\\\\[::1\\\\])')",
      message: 'is no https URL',
    }),
    'spec.clientSecret': cel(
      { rule: "!has(self.kind) || self.kind == 'Secret'", message: 'must be Secret', fieldPath: '.kind' },
      { rule: "!has(self.group) || self.group == ''", message: 'must be empty, which is the group of Secret', fieldPath: '.group' },
    ),
    'spec.servers': EACH_ONCE,
    'spec.resource': cel({ rule: "!self.contains('#')", message: 'must have no fragment' }),
  },
};

const TRACE_POLICY: OwnKind = {
  definition: TracePolicy,
  plural: 'tracepolicies',
  shortNames: ['tracepol'],
  description:
    'Whether traces tell what the requests of a route, a client or a model say, and what they are answered. Where several cover a request, one that hides goes before those that show.',
  columns: [
    text('Inputs', '.spec.content.inputs'),
    text('Outputs', '.spec.content.outputs'),
    { name: 'Percent', type: 'number', jsonPath: '.spec.content.percent' },
  ],
  additions: {
    ...COVERING_RULES,
    'spec.content': cel(
      { rule: 'has(self.inputs) || has(self.outputs)', message: 'one of inputs and outputs is required' },
      excludes(
        'percent',
        "(!has(self.inputs) || self.inputs != 'Show') && (!has(self.outputs) || self.outputs != 'Show')",
        'is for content that is shown: what is hidden is hidden in all traces',
      ),
    ),
  },
};

/** Kinds that exist nowhere but here, by name. */
export const OWN_KINDS: readonly OwnKind[] = [BUDGET, TOOL_LOCK, PRICE_TABLE, TOKEN_EXCHANGE, TRACE_POLICY];
