import type { Report } from './report.ts';
import type { Table } from './table.ts';

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: .3rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.passed { color: #00664a; } .failed { color: #a33b00; }
svg { max-width: 100%; height: auto; }
footer { color: #555; font-size: 13px; }
`;

/** The report as one file that needs nothing else. */
export function html({ title, question, about, verdict, crossed, findings, tables, charts }: Report): string {
  const list = (lines: readonly string[]): string =>
    lines.length === 0 ? '' : `<ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(question)} <strong class="${crossed.length === 0 ? 'passed' : 'failed'}">${escaped(verdict)}</strong></p>
${list(crossed)}
${tables.map(htmlTable).join('\n')}
${list(findings)}
${charts.map(({ svg }) => `<figure>${svg}</figure>`).join('\n')}
<footer>${list(about)}</footer>
</body>
</html>
`;
}

function htmlTable({ heads, rows }: Table): string {
  return `<table>\n<thead>${htmlRow(heads, 'th')}</thead>\n<tbody>${rows.map((row) => htmlRow(row, 'td')).join('\n')}</tbody>\n</table>`;
}

function htmlRow(cells: readonly string[], tag: 'th' | 'td'): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
