import { clean } from './text.js';

/** An element. Children are texts or elements: nothing is ever read as markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key === 'class') made.className = value;
    else made.setAttribute(key, value === true ? '' : String(value));
  }
  made.append(...children.map((child) => (child instanceof Node ? child : clean(child))));
  return made;
}

/** Shows what is new, and touches nothing that is the same: a selection or the focus stays. */
export function setText(target, text) {
  const shown = clean(text);
  if (target.textContent !== shown) target.textContent = shown;
}

/** A text of several lines. */
export function setLines(target, text) {
  if (target.dataset.shown === text) return;
  target.dataset.shown = text;
  target.replaceChildren(...text.split('\n').flatMap((line, index) => (index === 0 ? [clean(line)] : ['\n', clean(line)])));
}

/** Pairs of a name and a value; a value may have a tone: ok, warn, bad. */
export function setPairs(list, pairs) {
  const next = JSON.stringify(pairs);
  if (list.dataset.shown === next) return;
  list.dataset.shown = next;
  list.replaceChildren(
    ...pairs.map(([name, value, tone, title]) => element('div', { title }, element('dt', {}, name), element('dd', { class: tone }, value))),
  );
}

/**
 * A bar from 0 to 1. @param parts where each begins and ends, and its tone
 */
export function bar(parts, label) {
  const track = element('span', {
    class: 'bar',
    ...(label === undefined ? { 'aria-hidden': 'true' } : { role: 'img', 'aria-label': label }),
  });
  for (const { from, to, tone } of parts) {
    const part = element('span', { class: tone });
    part.style.left = `${Math.max(0, Math.min(1, from)) * 100}%`;
    part.style.width = `${Math.max(0, Math.min(1, to) - Math.max(0, from)) * 100}%`;
    track.append(part);
  }
  return track;
}

/**
 * What a cell shows: a text, or lines of `{ text, tone, title, bar, note }`. It is plain data, so that it can be compared.
 */
function fill(cell, content) {
  const lines = Array.isArray(content) ? content : [content];
  cell.replaceChildren(
    ...lines.map((line) => {
      if (typeof line !== 'object') return element('span', {}, line ?? '');
      const { text = '', tone, title, note, bar: parts } = line;
      const made = element('span', { class: tone, title: title === undefined ? undefined : clean(title) }, text);
      if (note !== undefined) made.append(' ', element('small', {}, note));
      return parts === undefined ? made : element('span', { class: 'with-bar' }, made, bar(parts));
    }),
  );
}

/** A table whose rows stay the same elements while their keys do. */
export class Table {
  #rows = new Map();
  #columns;
  #decorate;

  /**
   * @param columns `{ title, class, head, optional, of }`: `of` gives the content of an item's cell; the cell of the `head` column names the row
   * @param decorate called with each new row and its item
   */
  constructor(parent, caption, columns, decorate = () => undefined) {
    this.#columns = columns;
    this.#decorate = decorate;
    this.body = element('tbody');
    const heads = columns.map(({ title, class: name }) => element('th', { scope: 'col', class: name }, title));
    this.table = element(
      'table',
      {},
      element('caption', { class: 'unseen' }, caption),
      element('thead', {}, element('tr', {}, ...heads)),
      this.body,
    );
    this.empty = element('p', { class: 'empty' });
    parent.append(this.table, this.empty);
  }

  /** @param empty what is said where there is no item */
  update(items, keyOf, empty) {
    const before = this.#rows;
    const next = new Map();
    for (const item of items) next.set(keyOf(item), item);
    for (const [key, { line }] of before) if (!next.has(key)) line.remove();
    this.#rows = new Map();
    let at = this.body.firstElementChild;
    for (const [key, item] of next) {
      const row = before.get(key) ?? this.#row(item);
      this.#rows.set(key, row);
      row.show(item);
      // Moving a row that is where it should be would take the focus from it.
      if (row.line === at) at = at.nextElementSibling;
      else this.body.insertBefore(row.line, at);
    }
    this.#hideEmpty([...next.values()]);
    this.table.hidden = this.#rows.size === 0;
    this.empty.hidden = this.#rows.size > 0;
    setText(this.empty, empty);
  }

  /** Columns that may be left out are, while they have nothing to say. */
  #hideEmpty(items) {
    for (const [index, { optional, of }] of this.#columns.entries()) {
      if (optional !== true) continue;
      const hidden = items.every((item) => of(item).length === 0);
      for (const { cells } of this.table.rows) if (cells[index].hidden !== hidden) cells[index].hidden = hidden;
    }
  }

  #row(item) {
    const cells = this.#columns.map(({ head, class: name }) =>
      element(head ? 'th' : 'td', { class: name, scope: head ? 'row' : undefined }),
    );
    const line = element('tr', {}, ...cells);
    const shown = [];
    let last;
    const show = (now) => {
      if (now === last) return;
      last = now;
      for (const [index, { of }] of this.#columns.entries()) {
        const content = of(now);
        const text = JSON.stringify(content) ?? '';
        if (shown[index] === text) continue;
        shown[index] = text;
        fill(cells[index], content);
      }
    };
    show(item);
    this.#decorate(line, item);
    return { line, show };
  }
}
