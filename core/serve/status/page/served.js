import { element, setLines, setPairs, setText, Table } from './table.js';
import { clock, count, span } from './text.js';

const STATES = {
  available: { mark: '●', tone: 'ok', text: 'available' },
  cooling: { mark: '◐', tone: 'warn', text: 'cooling down' },
  trial: { mark: '◐', tone: 'warn', text: 'being tried' },
  ejected: { mark: '▲', tone: 'bad', text: 'ejected' },
};

/** How an endpoint is, in a word, and how long that lasts. */
export function standing({ state, until }, now) {
  const { mark, tone, text } = STATES[state] ?? { mark: '?', tone: 'warn', text: state };
  return { text: `${mark} ${text}`, tone, note: until === undefined ? undefined : `for ${span(until - now)}` };
}

/** The last failed attempt at each backend among the requests that are known. */
function failuresOf(requests) {
  const failures = new Map();
  for (const { startTime, attempts } of requests) {
    for (const { backend, url, status, failure, detail, startMs } of attempts) {
      if (failure === undefined) continue;
      const key = `${backend} ${url ?? ''}`;
      const before = failures.get(key);
      failures.set(key, {
        count: (before?.count ?? 0) + 1,
        failure: failure === 'status' ? String(status) : failure,
        detail,
        at: startTime + startMs,
      });
    }
  }
  return failures;
}

/** What is served, by the configuration in service, and how the backends are. */
export class ServedView {
  #backends;
  #routes;
  #rules = [];

  constructor() {
    this.#backends = new Table(document.querySelector('#backends .scroll'), 'Backends and how their endpoints are', [
      { title: 'Backend', head: true, class: 'name', of: (row) => (row.first ? { text: row.name, note: row.schema } : '') },
      { title: 'State', of: ({ shown }) => shown },
      { title: 'In flight', class: 'number', of: ({ inFlight }) => count(inFlight) },
      { title: 'Endpoint', class: 'name', of: ({ url }) => url },
      {
        title: 'Failing',
        optional: true,
        class: 'number',
        of: ({ failuresInARow }) => (failuresInARow > 0 ? { text: `${failuresInARow} in a row`, tone: 'bad' } : ''),
      },
      { title: 'Last failure', optional: true, class: 'text', of: ({ last }) => last ?? '' },
    ]);
    this.#routes = new Table(document.querySelector('#routes .scroll'), 'Routes and where they lead', [
      { title: 'Route', head: true, class: 'name', of: ({ route, rule, kind }) => ({ text: `${route} · ${rule}`, note: kind }) },
      {
        title: 'Listener',
        class: 'name',
        of: ({ listener, port, host }) => ({ text: `${listener} :${port}`, note: host === '*' ? undefined : host }),
      },
      { title: 'Models', class: 'name', of: ({ models }) => (models.length === 0 ? 'any' : models) },
      { title: 'Paths', class: 'name', of: ({ paths }) => paths },
      { title: 'Who', class: 'name', of: ({ security }) => (security === 'open' ? { text: 'anyone', tone: 'muted' } : security) },
      {
        title: 'Backends',
        class: 'name',
        of: ({ targets }) => (targets.length === 0 ? { text: 'none', tone: 'bad' } : targets.map(targetLine)),
      },
      { title: 'Limits', optional: true, class: 'name', of: ({ limits }) => limits },
    ]);
  }

  show(feed, requests) {
    const { configuration, backends, served, now, state } = feed;
    setText(document.querySelector('#tier'), feed.name);
    this.#head(feed, configuration, now, state);
    this.#showBackends(backends, requests, now);
    if (served !== undefined) {
      this.#rules = served.rules;
      note(document.querySelector('#routes .note'), served.rulesLeftOff > 0 ? `${served.rulesLeftOff} more rules are not shown` : '');
      const notices = [...configuration.notices, ...configuration.ignored.map((line) => `without effect: ${line}`)];
      document.querySelector('#notices').hidden = notices.length === 0;
      document.querySelector('#notices ul').replaceChildren(...notices.map((line) => element('li', {}, line)));
    }
    this.#routes.update(this.#rules, keyOfRule, 'No route is served.');
  }

  #head(feed, { generation, hash, loadedAt, reloadAt, refused }, now, state) {
    const reload = reloadAt === undefined ? ['none yet'] : [`${refused === undefined ? 'ok' : 'refused'}, ${span(now - reloadAt)} ago`];
    setPairs(document.querySelector('#configuration'), [
      ['Configuration', `${generation} (${hash.slice(0, 8)})`, undefined, hash],
      ['Loaded', `${span(now - loadedAt)} ago`],
      ['Last reload', ...reload, refused === undefined ? undefined : 'bad'],
      ['Up', span(now - feed.instance)],
    ]);
    const badge = document.querySelector('#state');
    setText(badge, state);
    badge.className = `badge ${state === 'ready' ? 'ok' : 'warn'}`;
    const banner = document.querySelector('#refused');
    banner.hidden = refused === undefined;
    setLines(banner.querySelector('pre'), refused ?? '');
  }

  #showBackends(backends, requests, now) {
    const failures = failuresOf(requests);
    const rows = backends.flatMap(({ name, schema, kind, endpoints, endpointsLeftOff }) => {
      if (kind === 'pool') return [];
      const shown = endpoints.map((endpoint, index) => {
        const failed = failures.get(`${name} ${endpoint.url}`);
        const last = failed && {
          text: failed.failure,
          title: failed.detail,
          note: `${clock(failed.at)}${failed.count > 1 ? ` · ${failed.count}×` : ''}`,
        };
        return { ...endpoint, name, schema, first: index === 0, shown: standing(endpoint, now), last };
      });
      if (endpointsLeftOff > 0)
        shown.push({ name, url: `and ${endpointsLeftOff} more`, shown: '', inFlight: undefined, failuresInARow: 0 });
      return shown;
    });
    document.querySelector('#backends').hidden = rows.length === 0;
    this.#backends.update(rows, ({ name, url }) => `${name} ${url}`, 'No backend.');
  }
}

function keyOfRule({ listener, port, host, kind, route, rule }) {
  return `${listener} ${port} ${host} ${kind} ${route} ${rule}`;
}

function targetLine({ backend, model, weight, priority }) {
  const notes = [
    priority > 0 ? `priority ${priority}` : '',
    weight === 1 ? '' : `weight ${weight}`,
    model === undefined ? '' : `as ${model}`,
  ];
  return { text: backend, note: notes.filter((text) => text !== '').join(', ') || undefined };
}

/** A line below a table, where there is something to say. */
export function note(target, text) {
  target.hidden = text === '';
  setText(target, text);
}
