import { element, setPairs, setText, Table } from './table.js';
import { clean, clock, costOf, count, duration, money, percent, quantile } from './text.js';

/** What became of a request: a filter, and a tone. */
export function resultOf({ status, clientGone, complete, reason }) {
  if (clientGone) return 'left';
  if (status >= 500 || (complete === false && status < 400)) return 'failed';
  if (status >= 400) return 'refused';
  return reason !== undefined && complete === false ? 'failed' : 'ok';
}

const TONES = { ok: 'ok', refused: 'warn', failed: 'bad', left: 'muted' };

/** The backend, and at tier two the pod, that a request went to. */
export function whereOf({ attempts, details }) {
  const backend = attempts.at(-1)?.backend;
  return { backend, pod: details?.pod ?? details?.tier_two_pod };
}

/** Who sent it: at tier two the tenant that tier one names. */
export function whoOf({ client, details }) {
  return client ?? details?.tenant;
}

function statusCell(request) {
  const result = resultOf(request);
  const { status, reason, complete } = request;
  const broken = result === 'failed' && status < 400 && complete === false;
  return { text: result === 'left' ? 'left' : `${status}`, tone: TONES[result], note: broken ? 'broke off' : undefined, title: reason };
}

function tokensCell({ usage }) {
  if (usage?.input === undefined && usage?.output === undefined) return '';
  const cached = usage.cachedInput > 0 ? `${count(usage.cachedInput)} cached` : '';
  const source = usage.source === 'reported' ? '' : usage.source;
  return {
    text: `${count(usage.input) || '?'} → ${count(usage.output) || '?'}`,
    note: [cached, source].filter((text) => text !== '').join(', ') || undefined,
  };
}

function attemptsCell({ attempts }) {
  const failed = attempts.filter(({ failure }) => failure !== undefined);
  if (failed.length === 0) return attempts.length > 1 ? `${attempts.length}` : '';
  const title = failed
    .map(({ backend, failure, detail }) => `${backend}: ${failure}${detail === undefined ? '' : ` (${detail})`}`)
    .join(' · ');
  return {
    text: `${attempts.length}`,
    tone: 'warn',
    note: failed.map(({ failure, status }) => (failure === 'status' ? status : failure)).join(', '),
    title,
  };
}

function costCell(request) {
  const cost = costOf(request);
  if (cost !== undefined) return money(cost.value, cost.currency);
  const { unpriced } = request.details ?? {};
  return unpriced === undefined ? '' : { text: 'unpriced', tone: 'muted', title: unpriced };
}

/** Where a time is on a bar from 1 ms to a minute, each ten times longer than before of one width. */
function onBar(ms) {
  return Math.log10(Math.max(1, ms)) / Math.log10(60_000);
}

function tookCell({ durationMs, firstTokenMs, stream }) {
  const first = onBar(stream && firstTokenMs !== undefined ? firstTokenMs : durationMs);
  return {
    text: duration(durationMs),
    bar: [
      { from: 0, to: first, tone: 'soft' },
      { from: first, to: onBar(durationMs), tone: 'accent' },
    ],
  };
}

const COLUMNS = [
  { title: 'Ended', head: true, class: 'time', of: (request) => clock(ended(request)) },
  { title: 'Status', of: statusCell },
  {
    title: 'Model',
    class: 'name',
    of: ({ model, operation, method, path }) => model ?? { text: operation ?? `${method} ${path}`, tone: 'muted' },
  },
  { title: 'Client', optional: true, class: 'name wide', of: (request) => whoOf(request) ?? '' },
  {
    title: 'Route',
    optional: true,
    class: 'name wide',
    of: ({ route, rule }) => (route === undefined ? '' : `${route} · ${rule}`),
  },
  {
    title: 'Backend',
    optional: true,
    class: 'name wide',
    of: (request) => ({ text: whereOf(request).backend ?? '', note: whereOf(request).pod }),
  },
  { title: 'Attempts', optional: true, class: 'wide', of: attemptsCell },
  { title: 'Tokens', optional: true, class: 'number wide', of: tokensCell },
  { title: 'TTFT', optional: true, class: 'number wide', of: ({ firstTokenMs, stream }) => (stream ? duration(firstTokenMs) : '') },
  { title: 'Took', class: 'took', of: tookCell },
  { title: 'Cost', optional: true, class: 'number wide', of: costCell },
];

/** The last requests, and figures made of them. */
export class TrafficView {
  #table;
  #all = [];
  #shown = [];
  #form = document.querySelector('#filters');
  #open;

  /** @param open called with the request that is asked for */
  constructor(open) {
    this.#open = open;
    this.#table = new Table(document.querySelector('#requests .scroll'), 'The last requests, the newest first', COLUMNS, (line, item) =>
      this.#button(line, item),
    );
    this.#form.addEventListener('submit', (event) => event.preventDefault());
    this.#form.addEventListener('input', () => this.#list());
    this.#form.addEventListener('reset', () => setTimeout(() => this.#list()));
    this.#table.body.addEventListener('keydown', (event) => this.#keys(event));
    this.#table.body.addEventListener('click', ({ target }) => {
      const button = target.closest('tr')?.querySelector('button');
      if (button !== null && button !== undefined && getSelection().isCollapsed) this.#open(this.#of(button));
    });
  }

  /** Those that fit the filters, the newest first. */
  get shown() {
    return this.#shown;
  }

  /** @param requests the newest first */
  show(feed, requests) {
    this.#all = requests;
    this.#list();
    this.#figures(feed);
  }

  #button(line, request) {
    const { sequence, status, model } = request;
    const time = clock(ended(request));
    const label = `${time}, ${status}, ${clean(model ?? 'no model')}: details`;
    const button = element('button', { type: 'button', tabindex: '-1', 'data-sequence': sequence, 'aria-label': label }, time);
    line.firstElementChild.replaceChildren(button);
  }

  #of(button) {
    return this.#all.find(({ sequence }) => String(sequence) === button.dataset.sequence);
  }

  #list() {
    const { text, result, took } = Object.fromEntries(new FormData(this.#form));
    const wanted = text.toLowerCase();
    this.#shown = this.#all.filter((request) => fits(request, wanted, result, Number(took)));
    const none = this.#all.length === 0 ? 'No request yet. This page follows by itself.' : 'No request fits the filters.';
    this.#table.update(this.#shown, ({ sequence }) => sequence, none);
    this.#tabStop();
    const kept = `${this.#shown.length} of the last ${this.#all.length}`;
    setText(document.querySelector('#requests .note'), this.#all.length === 0 ? '' : `${kept}. Arrow keys move, Enter opens.`);
  }

  /** One stop for the tab key; the arrow keys go from row to row. */
  #tabStop() {
    const buttons = [...this.#table.body.querySelectorAll('button')];
    if (buttons.some((button) => button.tabIndex === 0)) return;
    if (buttons.length > 0) buttons[0].tabIndex = 0;
  }

  #keys(event) {
    const buttons = [...this.#table.body.querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at === -1 || to === undefined || buttons[to] === undefined) return;
    event.preventDefault();
    for (const button of buttons) button.tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  }

  /** Brings the focus back to a request's row. */
  focus(request) {
    this.#table.body.querySelector(`button[data-sequence="${Number(request.sequence)}"]`)?.focus();
  }

  #figures(feed) {
    const list = document.querySelector('#figures dl');
    const running = [...feed.backends.flatMap(({ endpoints }) => endpoints), ...(feed.pools ?? []).flatMap(({ pods }) => pods)];
    setPairs(
      list,
      figuresOf(
        this.#all,
        feed.now,
        running.reduce((sum, { inFlight }) => sum + inFlight, 0),
      ),
    );
    const oldest = this.#all.at(-1);
    setText(
      document.querySelector('#figures .note'),
      oldest === undefined ? '' : `of the last ${this.#all.length} requests, since ${clock(oldest.startTime)}`,
    );
  }
}

function fits(request, wanted, result, took) {
  if (request.durationMs < took) return false;
  if (result === 'retried' && request.attempts.length < 2) return false;
  if (result !== '' && result !== 'retried' && resultOf(request) !== result) return false;
  if (wanted === '') return true;
  const { id, model, modelOverride, route, path, status, reason, attempts } = request;
  const { pod } = whereOf(request);
  const texts = [
    id,
    model,
    modelOverride,
    whoOf(request),
    route,
    path,
    status,
    reason,
    pod,
    ...attempts.flatMap(({ backend, failure }) => [backend, failure]),
  ];
  return texts.some((text) => text !== undefined && String(text).toLowerCase().includes(wanted));
}

const MINUTE = 60_000;
/** Requests that the server keeps, and so does the page. */
export const KEPT = 200;

function ended({ startTime, durationMs }) {
  return startTime + durationMs;
}

/** @param requests the newest first */
export function figuresOf(requests, now, inFlight) {
  const recent = requests.filter((request) => now - ended(request) < MINUTE);
  // All that are kept ended within a minute: there were more.
  const spanMs = recent.length >= KEPT ? Math.max(1000, now - ended(requests.at(-1))) : MINUTE;
  const share = (what) => requests.filter(what).length / Math.max(1, requests.length);
  const failed = share((request) => resultOf(request) === 'failed');
  const retried = share(({ attempts }) => attempts.length > 1);
  const took = sorted(requests.map(({ durationMs }) => durationMs));
  const first = sorted(requests.flatMap(({ stream, firstTokenMs }) => (stream && firstTokenMs !== undefined ? [firstTokenMs] : [])));
  const output = recent.reduce((sum, { usage }) => sum + (usage?.output ?? 0), 0);
  const costs = new Map();
  for (const request of requests) {
    const cost = costOf(request);
    if (cost !== undefined) costs.set(cost.currency, (costs.get(cost.currency) ?? 0) + cost.value);
  }
  return [
    ['Requests / min', count(Math.round((recent.length / spanMs) * MINUTE))],
    ['In flight', count(inFlight)],
    ['Failed', percent(failed), failed >= 0.05 ? 'bad' : failed > 0 ? 'warn' : undefined],
    ['Retried', percent(retried), retried >= 0.05 ? 'warn' : undefined],
    ['TTFT p50', first.length === 0 ? '–' : duration(quantile(first, 0.5))],
    ['TTFT p95', first.length === 0 ? '–' : duration(quantile(first, 0.95))],
    ['Took p50', took.length === 0 ? '–' : duration(quantile(took, 0.5))],
    ['Took p95', took.length === 0 ? '–' : duration(quantile(took, 0.95))],
    ['Tokens / s', count(Math.round((output / spanMs) * 1000))],
    ...[...costs].map(([currency, value]) => ['Cost', money(value, currency)]),
  ];
}

function sorted(values) {
  return values.sort((one, other) => one - other);
}
