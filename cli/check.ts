import { compile, newShared } from '#core/route/compile';
import { KINDS } from '#core/resources/kinds';
import { type Loaded, Loader } from '#core/resources/load';
import { formatProblem, type Problem } from '#core/resources/problem';

import { type Command, parse, UsageError } from './command.ts';

const HELP = `Usage: tierkit check PATH… [--documents-only] [--coverage] [--json]

Checks resources as "tierkit run" would load them, and reports every problem with file, line, path and reason.
PATH is a file or a folder (*.yaml, *.yml, *.json). Exit code 1 when there is any problem.

  --documents-only   check each document by itself: references between them are left out
  --secret-dir DIR   Secrets from mounted files, as for "tierkit run"
  --coverage         print, for each kind, the fields that are refused and why; needs no PATH
  --json             print the result as JSON
`;

export const check: Command = {
  name: 'check',
  summary: 'check resources without serving them',
  help: HELP,
  run(args) {
    const { values, positionals } = parse(args, {
      'documents-only': { type: 'boolean' },
      'secret-dir': { type: 'string' },
      coverage: { type: 'boolean' },
      json: { type: 'boolean' },
    });
    const json = values.json ?? false;
    const coverage = values.coverage ?? false;
    if (coverage && positionals.length === 0) {
      if (json) printJson({ coverage: coverageOf() });
      else printCoverage();
      return Promise.resolve(0);
    }
    if (positionals.length === 0) throw new UsageError('give at least one file or folder');
    const loaded = new Loader().load({ paths: positionals, secretDir: values['secret-dir'], env: process.env });
    const { problems, notices } = values['documents-only'] === true ? { problems: loaded.problems, notices: [] } : whole(loaded);
    if (coverage && !json) printCoverage();
    if (json) printJson({ ...(coverage ? { coverage: coverageOf() } : {}), ...resultOf(loaded, problems, notices) });
    else printText(loaded, problems, notices);
    return Promise.resolve(problems.length === 0 ? 0 : 1);
  },
};

function whole(loaded: Loaded): { problems: readonly Problem[]; notices: readonly string[] } {
  const compiled = compile(loaded, newShared());
  return { problems: [...loaded.problems, ...compiled.problems], notices: compiled.notices };
}

function printText(loaded: Loaded, problems: readonly Problem[], notices: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  for (const ignored of loaded.ignored) process.stdout.write(`ignored, without effect here: ${ignored}\n`);
  for (const notice of notices) process.stdout.write(`note: ${notice}\n`);
  const count = `${loaded.set.size} ${loaded.set.size === 1 ? 'resource' : 'resources'}`;
  process.stdout.write(
    problems.length === 0
      ? `${count}, no problem\n`
      : `${count} without fault of their own, ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n`,
  );
}

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function resultOf(loaded: Loaded, problems: readonly Problem[], notices: readonly string[]): object {
  const flat = problems.map(({ source, resource, path, message }) => ({ ...source, resource, path, message }));
  return { resources: loaded.set.size, problems: flat, ignored: loaded.ignored, notices };
}

function coverageOf(): object[] {
  return KINDS.map(({ kind, group, versions, refused }) => ({ kind, group, versions, refused }));
}

/** The one list of refused fields, kind by kind. */
function printCoverage(): void {
  for (const { kind, group, versions, refused } of KINDS) {
    const entries = Object.entries(refused);
    const name = `${kind} (${group === '' ? '' : `${group}/`}${versions.join(', ')})`;
    process.stdout.write(entries.length === 0 ? `${name}: every field is read\n` : `${name}: every field is read but\n`);
    for (const [path, reason] of entries) process.stdout.write(`  ${path.replace('=', ' = ')}: ${reason}\n`);
  }
}
