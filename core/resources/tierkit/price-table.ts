import { Uri } from '../ai-gateway/text-formats.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { list, object, ObjectName, oneOf, type Static, Type } from '../schema.ts';
import { Day, isDay } from './day.ts';
import { doc } from './doc.ts';
import { TIERKIT_GROUP, TIERKIT_VERSIONS } from './group.ts';
import { ModelPattern } from './model-pattern.ts';
import { Amount, Currency } from './money.ts';

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
  from: doc('First day on which the prices hold, from 0:00 UTC; absent: always did.', Type.Optional(Day)),
  until: doc('Last day on which they hold, until 24:00 UTC; absent: until further notice.', Type.Optional(Day)),
  source: doc('Page that the prices were read from.', Type.Optional(Uri)),
  checked: doc('Day on which somebody last compared them with the source.', Type.Optional(Day)),
});
export type PriceEntrySpec = Static<typeof Entry>;

/**
 * What models cost. All tables of a gateway hold together, for the requests of all namespaces. Of the entries that fit, one that names the
 * backend goes first, then one that names the provider, then the longest name of the model.
 */
export const PriceTable = defineKind({
  kind: 'PriceTable',
  group: TIERKIT_GROUP,
  versions: TIERKIT_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      currency: doc('Of all prices of the table.', Currency),
      entries: doc('What one model costs each.', list(Entry, 2000, 1)),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    for (const [index, entry] of spec.entries.entries()) checkEntry(entry, `spec.entries[${index}]`, report);
  },
});
export type PriceTable = ResourceOf<typeof PriceTable>;

function checkEntry(entry: PriceEntrySpec, path: string, report: Report): void {
  checkPrices(entry.prices, `${path}.prices`, report);
  if (entry.longInput !== undefined) checkPrices(entry.longInput.prices, `${path}.longInput.prices`, report);
  if (entry.backend !== undefined && entry.provider !== undefined)
    report(`${path}.provider`, 'cannot stand beside backend: a backend speaks one API');
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
