/** What runs where, and what to do next, for people. @param outputs of the stack, as JSON without its secrets */
export function summary(outputs: Readonly<Record<string, unknown>>): string {
  const { url, curl } = outputs;
  const forward = recordOf(outputs['forward']);
  const local = recordOf(outputs['local']);
  const { tierOne, ...observers } = forward;
  const lines = [`tier one   ${text(url)}`, ...(tierOne === undefined ? [] : [`           after: ${tierOne}`])];
  for (const [name, command] of Object.entries(observers)) lines.push(`${name.padEnd(10)} ${local[name]}`, `           after: ${command}`);
  if (typeof curl === 'string') {
    const asksKey = curl.includes('$KEY');
    lines.push('', 'Try it:', '', ...(asksKey ? keyLines(outputs['clientNames']) : []), `  ${curl}`);
  }
  lines.push('', 'Then: npm run platform:status    and to take it down: npm run platform:down');
  return lines.join('\n');
}

function keyLines(names: unknown): string[] {
  const [name = 'NAME'] = Array.isArray(names) ? (names as string[]) : [];
  return [`  KEY=$(npm run -s platform:keys -- show client-${name})`];
}

function recordOf(value: unknown): Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : 'not known yet';
}
