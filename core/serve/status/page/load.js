import { note, standing } from './served.js';
import { element, setPairs, setText, Table } from './table.js';
import { clean, count, duration, money, percent, span } from './text.js';

/** From this share on little is left. */
const TIGHT = 0.8;

function amountOf({ unit, scale }) {
  return (units) => (scale === 1 ? count(units) : money(units / scale, unit));
}

/** Limits and budgets: the fullest first. */
export class LimitsView {
  #table;

  constructor() {
    this.#table = new Table(document.querySelector('#limits .scroll'), 'Limits and budgets', [
      { title: 'Limit', head: true, class: 'name', of: ({ name, shadow }) => ({ text: name, note: shadow ? 'shadow' : undefined }) },
      { title: 'Whose', class: 'name', of: ({ subject }) => (subject === '' ? { text: 'shared', tone: 'muted' } : subject) },
      { title: 'Used', class: 'bar-column', of: (row) => usedCell(row, shareOf(row)) },
      { title: 'Reserved', optional: true, class: 'number', of: (row) => (row.reserved > 0 ? amountOf(row)(row.reserved) : '') },
      { title: 'Left', class: 'number', of: (row) => ({ text: amountOf(row)(row.remaining), tone: toneOf(shareOf(row)) }) },
      { title: 'Resets', class: 'number', of: ({ resets, in: left }) => (resets === 'never' ? 'never' : left) },
    ]);
  }

  show({ limits, now }, filtered) {
    const section = document.querySelector('#limits');
    section.hidden = limits === undefined;
    if (limits === undefined) return;
    const { counts = [], leftOff = 0, error } = limits;
    const rows = counts.map((row) => ({ ...row, in: row.resets === 'never' ? '' : `in ${span(Date.parse(row.resets) - now)}` }));
    rows.sort((one, other) => shareOf(other) - shareOf(one));
    const empty = error ?? (filtered ? 'No count has this name or client.' : 'No limit or budget has counted a request yet.');
    this.#table.update(rows, ({ name, subject, unit, limit }) => JSON.stringify([name, subject, unit, limit]), empty);
    note(section.querySelector('.note'), leftOff > 0 ? `${count(leftOff)} more counts: narrow them down by name or client` : '');
  }
}

function shareOf({ used, reserved, limit }) {
  return limit === 0 ? 1 : (used + reserved) / limit;
}

function toneOf(share) {
  if (share >= 1) return 'bad';
  return share >= TIGHT ? 'warn' : undefined;
}

function usedCell(row, share) {
  const { used, reserved, limit, unit, scale } = row;
  const amount = amountOf(row);
  const whole = limit === 0 ? 1 : limit;
  return {
    text: scale === 1 ? `${amount(used)} of ${amount(limit)} ${clean(unit)}` : `${money(used / scale, '')} of ${amount(limit)}`,
    bar: [
      { from: 0, to: used / whole, tone: toneOf(share) ?? 'accent' },
      { from: used / whole, to: (used + reserved) / whole, tone: 'soft' },
    ],
  };
}

const PODS = [
  { title: 'Pod', head: true, class: 'name', of: ({ pod, id }) => ({ text: pod, note: pod === id ? undefined : id }) },
  { title: 'State', of: ({ ready, shown }) => (ready ? shown : { text: '○ takes no requests', tone: 'muted' }) },
  { title: 'In flight', class: 'number', of: ({ inFlight }) => count(inFlight) },
  { title: 'Streams', class: 'number', of: ({ streams }) => count(streams) },
  { title: 'Prefill tokens', class: 'number', of: ({ pendingPrefillTokens }) => count(Math.round(pendingPrefillTokens)) },
  { title: 'Engine runs / waits', class: 'number', of: engineCell },
  { title: 'KV cache', class: 'bar-column', of: cacheCell },
  { title: 'Indexed blocks', class: 'number', of: ({ indexedBlocks }) => count(indexedBlocks) },
  { title: 'TPOT', class: 'number', of: ({ tpotMs }) => duration(tpotMs) },
];

function engineCell({ engine, metricsFailure }) {
  if (metricsFailure !== undefined) return { text: 'metrics fail', tone: 'warn', title: metricsFailure };
  return engine === undefined ? { text: 'unknown', tone: 'muted' } : `${count(engine.running)} / ${count(engine.waiting)}`;
}

function cacheCell({ engine, kvTokens, kvCapacity }) {
  const share = engine?.kvUsage ?? (kvCapacity > 0 ? kvTokens / kvCapacity : 0);
  return {
    text: percent(share),
    note: engine === undefined ? 'estimated' : undefined,
    bar: [{ from: 0, to: share, tone: share >= 0.95 ? 'bad' : share >= TIGHT ? 'warn' : 'accent' }],
  };
}

/** Pools with the load of each pod. */
export class PoolsView {
  #pools = new Map();

  show({ pools, now }) {
    const section = document.querySelector('#pools');
    section.hidden = pools === undefined;
    if (pools === undefined) return;
    const each = section.querySelector('.each');
    const names = new Set(pools.map(({ name }) => name));
    for (const [name, { part }] of this.#pools) {
      if (names.has(name)) continue;
      part.remove();
      this.#pools.delete(name);
    }
    for (const pool of pools) {
      const view = this.#pools.get(pool.name) ?? poolPart(pool.name, this.#pools.size);
      this.#pools.set(pool.name, view);
      if (view.part.parentNode === null) each.append(view.part);
      showPool(view, pool, now);
    }
  }
}

function poolPart(name, index) {
  const id = `pool-${index}-${Date.now()}`;
  const title = element('h3', { id }, name);
  const facts = element('dl', { class: 'facts' });
  const scroll = element('div', { class: 'scroll', role: 'region', 'aria-labelledby': id, tabindex: '0' });
  const left = element('p', { class: 'note' });
  const part = element('div', { class: 'pool' }, element('div', { class: 'head' }, title, facts), scroll, left);
  return { part, facts, left, table: new Table(scroll, `Pods of ${name}`, PODS) };
}

function showPool({ facts, left, table }, pool, now) {
  const { saturation, queue, ready, pods, podsLeftOff, externalPicker } = pool;
  setPairs(facts, [
    ['Ready', `${ready} of ${pods.length + podsLeftOff}`, ready === 0 ? 'bad' : undefined],
    ['Saturation', percent(saturation), toneOf(saturation)],
    ['Running', count(queue.running)],
    ['Queue', count(queue.waiting), queue.waiting > 0 ? 'warn' : undefined],
    ...(externalPicker ? [['Picks', 'an external picker']] : []),
  ]);
  setText(left, podsLeftOff > 0 ? `${podsLeftOff} more pods are not shown` : '');
  left.hidden = podsLeftOff === 0;
  table.update(
    pods.map((pod) => ({ ...pod, shown: standing(pod, now) })),
    ({ id }) => id,
    'The pool has no pod.',
  );
}
