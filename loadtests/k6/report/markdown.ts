import type { Report } from './report.ts';
import type { Table } from './table.ts';

/** The report with links to its charts, which lie beside it. */
export function markdown({ title, question, about, verdict, crossed, findings, tables, charts }: Report): string {
  const blocks = [
    `# ${title}`,
    `${question} **${verdict}**`,
    list(crossed.map((each) => `\`${each}\``)),
    ...tables.map(markdownTable),
    list(findings),
    ...charts.map(({ name }) => `![${name}](${name}.svg)`),
    list(about),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** The first column is words, the others are figures. */
export function markdownTable({ heads, rows }: Table): string {
  return [row(heads), `|${heads.map((_, index) => (index === 0 ? '---|' : '--:|')).join('')}`, ...rows.map(row)].join('\n');
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
