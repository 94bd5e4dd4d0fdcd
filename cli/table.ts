/** Rows in columns, the first of them the heads. */
export function tableText(rows: readonly (readonly string[])[], numeric: ReadonlySet<number> = new Set()): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => (numeric.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)));
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}
