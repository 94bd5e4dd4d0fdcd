import { bar, element, setText } from './table.js';
import { clean, clock, costOf, count, duration, money, span } from './text.js';
import { whereOf, whoOf } from './traffic.js';

/** Fields that the waterfall or the heads have already. */
const SHOWN = new Set(['pod', 'tenant', 'tier_two_pod', 'cost_nanos', 'cost_currency', 'queue_ms']);

/**
 * The stages of a request, from the times that are known of it.
 * @returns rows of `{ name, from, to, tone, note }`, in milliseconds from the beginning; the first token is a point
 */
export function stagesOf({ attempts, identifiedMs, routedMs, firstTokenMs, durationMs, status, reason, details, clientGone, complete }) {
  const ended = reason === undefined ? undefined : `${status} ${reason}`;
  const rows = [];
  const routed = routedMs ?? durationMs;
  // Where routes have several policies, the body is read before it is known whose the request is.
  if (identifiedMs !== undefined) rows.push({ name: 'identify', from: 0, to: identifiedMs, tone: 'soft' });
  const name = identifiedMs === undefined ? 'identify, read, route' : 'read, route';
  rows.push({ name, from: identifiedMs ?? 0, to: routed, tone: 'soft', note: routedMs === undefined ? ended : undefined });
  if (routedMs !== undefined) {
    const to = attempts[0]?.startMs ?? durationMs;
    const queue = details?.queue_ms;
    const name = queue === undefined ? 'admit' : 'queue, pick';
    const note = attempts.length === 0 ? ended : queue > 0 ? `${duration(queue)} in the queue` : undefined;
    rows.push({ name, from: routed, to, tone: 'soft', note });
  }
  for (const [index, { backend, url, status: answered, failure, detail, startMs, endMs }] of attempts.entries()) {
    const to = endMs ?? durationMs;
    const isLast = index === attempts.length - 1;
    const first = isLast && firstTokenMs !== undefined && firstTokenMs >= startMs && firstTokenMs <= to ? firstTokenMs : undefined;
    const why = failure === undefined ? `${answered ?? ''}` : `${failure}${answered === undefined ? '' : ` ${answered}`}: ${detail ?? ''}`;
    const row = { name: `attempt ${index + 1}`, from: startMs, to, tone: failure === undefined ? 'accent' : 'bad', first };
    rows.push({ ...row, note: [backend, url, why].filter((text) => text !== undefined && text !== '').join(' · ') });
  }
  if (firstTokenMs !== undefined) rows.push({ name: 'first token', from: firstTokenMs, to: firstTokenMs, tone: 'mark' });
  const end = clientGone ? 'the client left' : complete === false ? 'not complete' : undefined;
  rows.push({ name: 'end', from: durationMs, to: durationMs, tone: 'mark', note: end });
  return rows;
}

function waterfall(request) {
  const { durationMs } = request;
  const whole = Math.max(durationMs, 0.1);
  const lines = stagesOf(request).map(({ name, from, to, tone, note, first }) => {
    const parts =
      tone === 'mark'
        ? [{ from: Math.min(from / whole, 0.995), to: Math.min(from / whole, 0.995) + 0.005, tone: 'mark' }]
        : first === undefined
          ? [{ from: from / whole, to: to / whole, tone }]
          : [
              { from: from / whole, to: first / whole, tone: 'soft' },
              { from: first / whole, to: to / whole, tone },
            ];
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      element('td', { class: 'number wide' }, duration(from)),
      element('td', { class: 'number' }, tone === 'mark' ? `at ${duration(from)}` : duration(to - from)),
      element('td', { class: 'fall' }, bar(parts), ...(note === undefined ? [] : [element('small', {}, note)])),
    );
  });
  const heads = [['Stage'], ['Begins at', 'number wide'], ['Takes', 'number'], ['Timeline']].map(([title, name]) =>
    element('th', { scope: 'col', class: name }, title),
  );
  const caption = element('caption', { class: 'unseen' }, 'Stages of the request');
  return element(
    'table',
    { class: 'waterfall' },
    caption,
    element('thead', {}, element('tr', {}, ...heads)),
    element('tbody', {}, ...lines),
  );
}

function yes(value) {
  return value === undefined ? undefined : value ? 'yes' : 'no';
}

function fieldsOf(request) {
  const { usage, details, bytesReceived, bytesSent, startTime, complete, stream } = request;
  const { backend, pod } = whereOf(request);
  const cost = costOf(request);
  return [
    ['Request id', request.id],
    ['Trace id', request.traceId],
    ['Began', `${clock(startTime)} (${span(Date.now() - startTime)} ago)`],
    ['Path', `${request.method} ${request.path}`],
    ['Operation', request.operation],
    ['Client', whoOf(request)],
    ['Route', request.route === undefined ? undefined : `${request.route} · ${request.rule}`],
    ['Model', request.model],
    ['Sent as', request.modelOverride],
    ['Answered as', request.responseModel],
    ['Backend', backend],
    ['Pod', pod],
    ['Stream', yes(stream)],
    ['Complete', yes(complete)],
    ['Why', request.reason],
    ['Input tokens', count(usage?.input)],
    ['Cached tokens', count(usage?.cachedInput)],
    ['Output tokens', count(usage?.output)],
    ['Reasoning tokens', count(usage?.reasoning)],
    ['Usage is', usage?.source],
    ['Cost', cost === undefined ? undefined : money(cost.value, cost.currency)],
    ['Bytes', `${count(bytesReceived)} in, ${count(bytesSent)} out`],
    ...Object.entries(details ?? {})
      .filter(([name]) => !SHOWN.has(name))
      .map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  ].filter(([, value]) => value !== undefined && value !== null && value !== '');
}

/** Why the picker chose as it did: whatever terms it has, those that say something. */
function explained({ reason, candidates, excluded, events, inputTokens, at }) {
  const terms = [
    ...new Set(candidates.flatMap(({ terms: all }) => Object.entries(all).flatMap(([name, value]) => (value === 0 ? [] : [name])))),
  ];
  const heads = ['Pod', ...terms].map((title) => element('th', { scope: 'col', class: title === 'Pod' ? undefined : 'number' }, title));
  const rows = candidates.map(({ id, chosen, terms: all }) =>
    element(
      'tr',
      { class: chosen ? 'chosen' : undefined },
      element('th', { scope: 'row', class: 'name' }, `${chosen ? '✓ ' : ''}${id}`),
      ...terms.map((name) => element('td', { class: 'number' }, count(Math.round((all[name] ?? 0) * 10) / 10))),
    ),
  );
  const table = element(
    'table',
    {},
    element('caption', { class: 'unseen' }, 'Candidates, the best first'),
    element('thead', {}, element('tr', {}, ...heads)),
    element('tbody', {}, ...rows),
  );
  return [
    element('p', {}, `${reason}; prompt of about ${count(Math.round(inputTokens))} tokens`),
    element('div', { class: 'scroll', role: 'region', 'aria-label': 'Candidates', tabindex: '0' }, table),
    ...list(excluded, ({ id, why }) => `${id} was no candidate: ${why}`),
    ...list(events, ({ at: when, what }) => `${duration(Math.max(0, when - at))}: ${what}`),
  ];
}

function list(items, lineOf) {
  return items.length === 0 ? [] : [element('ul', {}, ...items.map((item) => element('li', {}, lineOf(item))))];
}

/** One request in full, in a dialog. */
export class RequestView {
  #dialog = document.querySelector('#request');
  #body = document.querySelector('#request-body');
  #request;
  #explains = false;
  #around;

  /** @param around `{ shown, closed }`: requests in the list, and what is told when the dialog closes */
  constructor(around) {
    this.#around = around;
    document.querySelector('#close').addEventListener('click', () => this.#dialog.close());
    document.querySelector('#newer').addEventListener('click', () => this.#step(-1));
    document.querySelector('#older').addEventListener('click', () => this.#step(1));
    this.#dialog.addEventListener('close', () => around.closed(this.#request));
    // A click on what is around it.
    this.#dialog.addEventListener('click', ({ target }) => target === this.#dialog && this.#dialog.close());
  }

  set explains(explains) {
    this.#explains = explains;
  }

  open(request) {
    this.#request = request;
    const { status, model, path } = request;
    setText(document.querySelector('#request-title'), `${clean(model ?? path)} · ${status} · ${duration(request.durationMs)}`);
    const facts = element('dl', { class: 'fields' });
    facts.append(...fieldsOf(request).map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))));
    this.#body.replaceChildren(waterfall(request), ...(this.#explains ? [this.#explanation(request)] : []), facts);
    this.#buttons();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #step(by) {
    const next = this.#around.shown()[this.#index() + by];
    if (next !== undefined) this.open(next);
  }

  #index() {
    return this.#around.shown().indexOf(this.#request);
  }

  #buttons() {
    const at = this.#index();
    const newer = document.querySelector('#newer');
    const older = document.querySelector('#older');
    newer.disabled = at <= 0;
    older.disabled = at === -1 || at === this.#around.shown().length - 1;
    if (document.activeElement?.disabled === true) document.querySelector('#close').focus();
  }

  #explanation(request) {
    const button = element('button', { type: 'button' }, 'Why this pod?');
    const part = element('section', { 'aria-label': 'Why this pod', class: 'explained' }, button);
    button.addEventListener('click', async () => {
      button.disabled = true;
      part.replaceChildren(...(await explanationOf(request.id)));
      // The button that had it is gone.
      part.setAttribute('tabindex', '-1');
      part.focus();
    });
    return part;
  }
}

async function explanationOf(id) {
  try {
    const response = await fetch(`explain/${encodeURIComponent(id)}`, { signal: AbortSignal.timeout(10_000) });
    const answer = await response.json();
    return response.ok ? explained(answer) : [element('p', {}, answer.error ?? `${response.status}`)];
  } catch {
    return [element('p', {}, 'No answer.')];
  }
}
