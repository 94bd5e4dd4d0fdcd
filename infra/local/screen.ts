import { styleText } from 'node:util';

import { type PlatformEvent, type Report, sayEnd, type Service } from './events.ts';

/** Where a screen is shown. */
export interface Output {
  write(text: string): unknown;
}

export interface TextOptions {
  /** Colours, and a last line that says what is waited for: for terminals. */
  readonly terminal: boolean;
  /** Every line of every process. */
  readonly verbose: boolean;
}

type Colour = 'green' | 'red' | 'yellow' | 'dim' | 'bold';

const ERASE_LINE = '\r\u001B[K';

/** Each event as one JSON object on one line, with its time. Lines of the processes' logs only when they warn, or when all are wanted. */
export function jsonScreen(out: Output, verbose: boolean): Report {
  return (event) => {
    if (shown(event, verbose)) out.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
  };
}

/** Whether a terminal with colours is there. */
export function isTerminal(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && !env['CI'];
}

/** Events as people read them: one line for each change, a table and the next command at the end of the start. */
export function textScreen(out: Output, { terminal, verbose }: TextOptions): Report {
  const waiting = new Set<string>();
  /** What each process said when it crashed last. */
  const told = new Map<string, string>();
  const paint = (colour: Colour, text: string) => (terminal ? styleText(colour, text, { validateStream: false }) : text);

  const linesOf = (event: PlatformEvent): string[] => {
    switch (event.event) {
      case 'port-shifted': {
        const { process, wanted, port, count } = event;
        return [state(process, paint('yellow', 'port'), `${range(wanted, count)} taken: takes ${range(port, count)}`)];
      }
      case 'starting':
        return [];
      case 'ready':
        told.delete(event.process);
        return [state(event.process, paint('green', 'ready'), seconds(event.afterMs))];
      case 'log':
        return [`${paint('dim', `${event.process} |`)} ${paintLevel(event.level, event.line)}`];
      case 'crashed': {
        const { process, wasReady, lines } = event;
        const ended = state(process, paint('red', 'crashed'), `${sayEnd(event)}${wasReady ? '' : ', before it was ready'}`);
        // The same fault again and again is shown once.
        const text = lines.map((line) => line.replaceAll(/\d+/g, '')).join('\n');
        const again = text !== '' && told.get(process) === text;
        told.set(process, text);
        return [ended, ...(again ? ['  | the same lines as before'] : lines.map((line) => `  | ${line}`))];
      }
      case 'restarting': {
        const { process, inMs, failures, most } = event;
        const count = most === undefined ? '' : ` (${failures} of ${most} attempts failed)`;
        return [state(process, paint('yellow', 'restarts'), `in ${inMs / 1000} s${count}`)];
      }
      case 'gave-up':
        return [state(event.process, paint('red', 'gave up'), `${event.why}; the platform goes on without it`)];
      case 'up':
        return table(event, paint);
      case 'stopping':
        return [`Stopping (${event.why}). One more Ctrl-C ends it at once.`];
      case 'stopped':
        return [state(event.process, paint('dim', event.killed ? 'killed' : 'stopped'), seconds(event.afterMs))];
      case 'failed':
        // The command says it at its end.
        return [];
      case 'down':
        return ['Everything has stopped.'];
    }
  };
  const paintLevel = (level: string | undefined, line: string) => {
    if (level === undefined || level === 'info') return line;
    return `${paint(level === 'warn' ? 'yellow' : 'red', level)} ${line}`;
  };
  const follow = (event: PlatformEvent) => {
    if (event.event === 'starting') waiting.add(event.process);
    else if (event.event === 'ready' || event.event === 'crashed') waiting.delete(event.process);
    else if (event.event === 'stopping') waiting.clear();
  };

  return (event) => {
    const before = waiting.size;
    follow(event);
    const lines = shown(event, verbose) ? linesOf(event) : [];
    const text = lines.map((line) => `${line}\n`).join('');
    if (!terminal) {
      if (text !== '') out.write(text);
      return;
    }
    const last = waiting.size === 0 ? '' : paint('dim', `waiting for ${[...waiting].join(', ')} …`);
    if (text !== '' || before !== waiting.size) out.write(`${before > 0 ? ERASE_LINE : ''}${text}${last}`);
  };
}

function shown(event: PlatformEvent, verbose: boolean): boolean {
  return event.event !== 'log' || verbose || event.level === 'warn' || event.level === 'error';
}

function state(process: string, word: string, detail: string): string {
  return `${process.padEnd(18)}${word}  ${detail}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function range(port: number, count: number): string {
  return count === 1 ? `${port}` : `${port}-${port + count - 1}`;
}

function table({ services, notes, curl, afterMs }: Extract<PlatformEvent, { event: 'up' }>, paint: Paint) {
  const heads: Service = { service: 'SERVICE', where: 'WHERE', what: 'WHAT' };
  const rows = [heads, ...services];
  const widest = (column: 'service' | 'where') => Math.max(...rows.map((row) => row[column].length)) + 3;
  const [service, where] = [widest('service'), widest('where')];
  const lines = rows.map((row) => `  ${row.service.padEnd(service)}${row.where.padEnd(where)}${row.what}`);
  return [
    '',
    paint('bold', `Up in ${seconds(afterMs)}`),
    '',
    paint('dim', lines[0]!),
    ...lines.slice(1),
    ...(notes.length === 0 ? [] : ['', ...notes]),
    ...(curl === undefined ? [] : ['', paint('bold', 'Try it:'), '', curl]),
    '',
    'Ctrl-C stops all of it.',
    '',
  ];
}

type Paint = (colour: Colour, text: string) => string;
