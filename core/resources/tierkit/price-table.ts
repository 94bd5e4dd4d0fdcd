import { Uri } from '../ai-gateway/text-formats.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { list, object, ObjectName, oneOf, type Static, Type } from '../schema.ts';
import { Day, isDay } from './day.ts';
import { doc } from './doc.ts';
import { TIERKIT_GROUP, TIERKIT_VERSIONS } from './group.ts';
import { ModelPattern } from './model-pattern.ts';
import { Amount, Currency, nanosOf } from './money.ts';
import { ToolPattern } from './tool-pattern.ts';

const price = Type.Optional(Amount);

/**
 * What is paid for what. A kind of tokens without a price has none: a request that used such tokens has an unknown cost, it is not free.
 * Only reasoning needs none: without a price of its own it costs what output costs. Where no kind of tokens has a price at all, images or
 * requests are what is paid for, and tokens are not.
 */
const Prices = object({
  input: doc('Per million input tokens that are none of the kinds below.', price),
  cachedInput: doc('Per million input tokens that the provider read from its prompt cache.', price),
  cacheWrite: doc('Per million input tokens written to a cache that keeps them for its usual time: five minutes with Anthropic.', price),
  cacheWrite1h: doc(
    'Per million input tokens written to a cache that keeps them for an hour, where the provider counts them apart.',
    price,
  ),
  output: doc('Per million output tokens that are none of the kinds below.', price),
  reasoning: doc('Per million output tokens spent on reasoning; absent: as output.', price),
  inputAudio: doc('Per million input tokens that are audio.', price),
  outputAudio: doc('Per million output tokens that are audio.', price),
  inputImage: doc('Per million input tokens that are images, where the provider counts them apart.', price),
  perImage: doc('Per image that is made.', price),
  perRequest: doc('Per request.', price),
});
export type Prices = Static<typeof Prices>;

/** When prices hold, and where they are from. */
const VALIDITY = {
  from: doc('First day on which the prices hold, from 0:00 UTC; absent: always did.', Type.Optional(Day)),
  until: doc('Last day on which they hold, until 24:00 UTC; absent: until further notice.', Type.Optional(Day)),
  source: doc('Page that the prices were read from.', Type.Optional(Uri)),
  checked: doc('Day on which somebody last compared them with the source.', Type.Optional(Day)),
};

const Entry = object({
  model: doc('As the backend calls it, after modelNameOverride; a `*` at the end stands for any rest.', ModelPattern),
  backend: doc(
    'Only where this AIServiceBackend or InferencePool of the table’s namespace answers. Goes before entries that name none.',
    Type.Optional(ObjectName),
  ),
  provider: doc(
    'Only where the backend speaks this API (`spec.schema.name` of its AIServiceBackend; vLLM for an InferencePool).',
    Type.Optional(oneOf(['OpenAI', 'AzureOpenAI', 'Anthropic', 'Cohere', 'vLLM'])),
  ),
  prices: doc('What is paid for what.', Prices),
  longInput: doc(
    'What the whole request costs instead when it has more than so many input tokens, cached ones included.',
    Type.Optional(
      object({ above: doc('Input tokens.', Type.Integer({ minimum: 1 })), prices: doc('What is paid for what, then.', Prices) }),
    ),
  ),
  ...VALIDITY,
});
export type PriceEntrySpec = Static<typeof Entry>;

const Tool = object({
  tool: doc('As its server calls it, without the server’s name before it; a `*` at the end stands for any rest.', ToolPattern),
  server: doc(
    'Only of this server: the name of a backendRef of an MCPRoute of the table’s namespace. Goes before entries that name none.',
    Type.Optional(ObjectName),
  ),
  route: doc('Only behind this MCPRoute of the table’s namespace. Goes before entries that name none.', Type.Optional(ObjectName)),
  price: doc('Per call that gave a result; "0" is free.', Amount),
  ...VALIDITY,
});
export type ToolPriceSpec = Static<typeof Tool>;

/**
 * What models, and tools of MCP servers, cost. All tables of a gateway hold together, for the requests of all namespaces. Of the entries
 * that fit, one that names the backend (of a tool: server, then route) goes first, then one that names the provider, then the longest name.
 */
export const PriceTable = defineKind({
  kind: 'PriceTable',
  group: TIERKIT_GROUP,
  versions: TIERKIT_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      currency: doc('Of all prices of the table.', Currency),
      entries: doc('What one model costs each. One of entries and tools is required.', Type.Optional(list(Entry, 2000, 1))),
      tools: doc(
        'What a call of a tool of an MCP server costs, one each. One that no entry of any table fits costs nothing.',
        Type.Optional(list(Tool, 2000, 1)),
      ),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    const { entries, tools } = spec;
    if (entries === undefined && tools === undefined) report('spec', 'one of entries and tools is required');
    for (const [index, entry] of (entries ?? []).entries()) checkEntry(entry, `spec.entries[${index}]`, report);
    for (const [index, tool] of (tools ?? []).entries()) checkTool(tool, `spec.tools[${index}]`, report);
  },
});
export type PriceTable = ResourceOf<typeof PriceTable>;

function checkEntry(entry: PriceEntrySpec, path: string, report: Report): void {
  checkPrices(entry.prices, `${path}.prices`, report);
  if (entry.longInput !== undefined) checkPrices(entry.longInput.prices, `${path}.longInput.prices`, report);
  if (entry.backend !== undefined && entry.provider !== undefined)
    report(`${path}.provider`, 'cannot stand beside backend: a backend speaks one API');
  checkDays(entry, path, report);
}

/** What one call may cost: so many billionths fit into a number. */
const MOST_NANOS = BigInt(Number.MAX_SAFE_INTEGER);

function checkTool(tool: ToolPriceSpec, path: string, report: Report): void {
  if (nanosOf(tool.price) > MOST_NANOS)
    report(`${path}.price`, `${tool.price} is more than can be counted, which is ${MOST_NANOS / 1_000_000_000n}`);
  checkDays(tool, path, report);
}

function checkDays(entry: Pick<PriceEntrySpec, 'from' | 'until' | 'checked'>, path: string, report: Report): void {
  for (const field of ['from', 'until', 'checked'] as const) {
    const day = entry[field];
    if (day !== undefined && !isDay(day)) report(`${path}.${field}`, `${day} is a day that does not exist`);
  }
  if (entry.from !== undefined && entry.until !== undefined && entry.until < entry.from)
    report(`${path}.until`, `${entry.until} is before from, which is ${entry.from}`);
}

function checkPrices(prices: Prices, path: string, report: Report): void {
  if (Object.keys(prices).length === 0) report(path, 'has no price; one of 0 is "0"');
}
