// The status page: asks its server every two seconds while someone looks, and shows what it hears.
import { LimitsView, PoolsView } from './load.js';
import { RequestView } from './request.js';
import { ServedView } from './served.js';
import { element, setText } from './table.js';
import { clean, clock } from './text.js';
import { KEPT, TrafficView } from './traffic.js';

const EVERY_MS = 2000;
const MOST_WAIT_MS = 15_000;

const served = new ServedView();
const limits = new LimitsView();
const pools = new PoolsView();
const traffic = new TrafficView((request) => request !== undefined && details.open(request));
const details = new RequestView({ shown: () => traffic.shown, closed: (request) => traffic.focus(request) });

const pause = document.querySelector('#pause');
const filter = document.querySelector('#limits-filter');

let instance;
let generation;
let last = 0;
let requests = [];
let timer;
let failures = 0;
let asking = false;
let said = {};

/** Told to those who hear the page: changes alone, and all of a moment in one go. */
function announce(feed) {
  const { generation: current, refused } = feed.configuration;
  const out = feed.backends.flatMap(({ name, endpoints }) =>
    endpoints.filter(({ state }) => state !== 'available').map(({ state }) => `${name} ${state}`),
  );
  const now = {
    configuration: `configuration ${current} is in service`,
    refused: refused === undefined ? 'no reload is refused' : 'the last reload was refused',
    backends: out.length === 0 ? 'all backends are available' : [...new Set(out)].join(', '),
    state: `${feed.name} is ${feed.state}`,
  };
  const changed = Object.keys(now).filter((what) => said[what] !== undefined && said[what] !== now[what]);
  said = now;
  if (changed.length > 0) setText(document.querySelector('#announce'), changed.map((what) => now[what]).join('; '));
}

function show(feed) {
  if (feed.instance !== instance) requests = [];
  ({ instance, last } = feed);
  generation = feed.configuration.generation;
  if (feed.requests.length > 0) requests = [...feed.requests.toReversed(), ...requests].slice(0, KEPT);
  document.title = `${clean(feed.name)} · Tierkit`;
  served.show(feed, requests);
  limits.show(feed, filter.value !== '');
  pools.show(feed);
  details.explains = feed.explains;
  traffic.show(feed, requests);
  announce(feed);
  sections();
}

/** Links to what there is. */
function sections() {
  const titles = [...document.querySelectorAll('main section[id]')].filter(
    ({ hidden, id }) => !hidden && id !== 'figures' && id !== 'notices',
  );
  const list = document.querySelector('#sections');
  const names = titles.map(({ id }) => id).join(' ');
  if (list.dataset.shown === names) return;
  list.dataset.shown = names;
  list.replaceChildren(
    ...titles.map((part) => element('li', {}, element('a', { href: `#${part.id}` }, part.querySelector('h2').textContent))),
  );
}

async function ask() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  let feed;
  try {
    feed = await answer();
    failures = 0;
  } catch {
    failures++;
    if (failures === 1) lost();
  }
  asking = false;
  try {
    if (feed !== undefined) show(feed);
  } finally {
    next();
  }
}

async function answer() {
  const question = new URLSearchParams({ after: last, limits: filter.value });
  if (instance !== undefined) question.set('instance', instance);
  if (generation !== undefined) question.set('generation', generation);
  const response = await fetch(`status/data?${question}`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${response.status}`);
  return response.json();
}

function lost() {
  const text = `no answer since ${clock(Date.now())}`;
  const badge = document.querySelector('#state');
  setText(badge, text);
  badge.className = 'badge bad';
  setText(document.querySelector('#announce'), text);
  said = { ...said, state: text };
}

function next() {
  clearTimeout(timer);
  if (document.hidden || pause.getAttribute('aria-pressed') === 'true') return;
  timer = setTimeout(() => void ask(), Math.min(EVERY_MS * 2 ** failures, MOST_WAIT_MS));
}

pause.addEventListener('click', () => {
  const paused = pause.getAttribute('aria-pressed') !== 'true';
  pause.setAttribute('aria-pressed', String(paused));
  if (paused) next();
  else void ask();
});
document.addEventListener('visibilitychange', () => (document.hidden ? next() : void ask()));
let typing;
filter.addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => void ask(), 250);
});
void ask();
