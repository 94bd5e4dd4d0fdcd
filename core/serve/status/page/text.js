// How numbers and names are written. Names come from clients: they are shown as text, whatever they hold.

// Controls, and marks that change the direction of what follows, could make one name look like another.
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text from the server, as it may be shown. */
export function clean(text) {
  return String(text ?? '').replaceAll(INVISIBLE, '\ufffd');
}

/** @param ms milliseconds */
export function duration(ms) {
  if (ms === undefined || ms === null) return '';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** A span of time in one unit. */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** Time of the day, where the page is looked at. */
export function clock(time) {
  return CLOCK.format(time);
}

/** Whole numbers up to five digits, above that with k, M, G. */
export function count(value) {
  if (value === undefined || value === null) return '';
  if (Math.abs(value) < 100_000) return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ]) {
    if (Math.abs(value) >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return String(value);
}

export function percent(share) {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** @param value in the currency; small ones keep three digits that say something */
export function money(value, currency) {
  const digits = value === 0 || value >= 100 ? 2 : value >= 1 ? 3 : Math.min(9, 2 - Math.floor(Math.log10(value)));
  return `${value.toFixed(digits)} ${clean(currency)}`.trim();
}

/** The cost of a request, where it has one. */
export function costOf({ details }) {
  if (typeof details?.cost_nanos !== 'number') return undefined;
  return { value: details.cost_nanos / 1e9, currency: details.cost_currency ?? '' };
}

/** The value below which so many of the sorted ones are. */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
