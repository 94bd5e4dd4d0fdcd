import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

import { getDefaultEnvironment } from '@modelcontextprotocol/sdk/client/stdio.js';

import { type Channel, type ChannelEvents, MAX_LINE_BYTES } from './channel.ts';
import type { StdioServer } from './config.ts';
import { Lines } from './lines.ts';
import { StderrLog } from './stderr-log.ts';

/** Time for a server to end by itself once its standard input has, and then after SIGTERM, before SIGKILL. */
const END_MS = 1500;
const TERM_MS = 2000;
/** Time for what an ended server has written to be read. */
const OUTPUT_MS = 500;

/**
 * The process of a server. It is the first of a group of processes of its own: what it starts (npx starts a shell, which starts node)
 * ends with it, and Ctrl-C reaches it through us alone. It gets the variables that the official SDK hands on, and its own; no key
 * of the gateway's environment.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#stdio
 */
export class Child implements Channel {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #closed: Promise<void>;
  #stopping = false;
  #events: ChannelEvents | undefined;
  #why: string | undefined;
  #isOver = false;

  constructor({ command, args, env, cwd, name, secrets }: StdioServer, log: (line: string) => void) {
    const child = spawn(command, args, { env: { ...getDefaultEnvironment(), ...env }, cwd, stdio: 'pipe', detached: HAS_GROUPS });
    this.#process = child;
    const stderr = new StderrLog(name, secrets, log);
    const errors = new Lines(STDERR_LINE_BYTES, (line) => stderr.take(line));
    child.stderr.on('data', (chunk: Buffer) => errors.take(chunk));
    const lines = new Lines(
      MAX_LINE_BYTES,
      (line) => this.#events?.line(line),
      () => this.#fail('it wrote a line that is too long'),
    );
    child.stdout.on('data', (chunk: Buffer) => lines.take(chunk));
    child.stdout.pause();
    // A server that has ended is told of by its end.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (child.pid !== undefined) return;
        this.#over(`it cannot be started (${error.code ?? 'unknown reason'})`);
        resolve();
      });
      child.on('exit', (code, signal) => {
        // What it started may still hold its output open.
        this.#kill('SIGKILL');
        const over = (): void => {
          clearTimeout(late);
          this.#over(this.#stopping ? undefined : `it ended with ${signal ?? `code ${code}`}`);
          resolve();
        };
        const late = setTimeout(over, OUTPUT_MS);
        child.on('close', over);
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  listen(events: ChannelEvents): void {
    this.#events = events;
    if (this.#isOver) events.ended(this.#why);
    this.#process.stdout.resume();
  }

  write(message: Buffer): void {
    this.#process.stdin.write(Buffer.concat([oneLine(message), NEWLINE]));
  }

  pause(): void {
    this.#process.stdout.pause();
  }

  resume(): void {
    this.#process.stdout.resume();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#process.stdin.end();
    this.#process.stdout.resume();
    const term = setTimeout(() => this.#kill('SIGTERM'), END_MS);
    const kill = setTimeout(() => this.#kill('SIGKILL'), END_MS + TERM_MS);
    await this.#closed;
    clearTimeout(term);
    clearTimeout(kill);
  }

  #fail(why: string): void {
    this.#over(why);
    void this.stop();
  }

  #over(why: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#why = why;
    this.#events?.ended(why);
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      if (HAS_GROUPS) process.kill(-pid, signal);
      else this.#process.kill(signal);
    } catch {
      // It has gone.
    }
  }
}

const STDERR_LINE_BYTES = 64 * 1024;
const HAS_GROUPS = process.platform !== 'win32';
const NEWLINE = Buffer.from('\n');

/** Line ends of JSON text lie between its tokens: a space is the same there. */
function oneLine(json: Buffer): Buffer {
  if (!json.includes(0x0a) && !json.includes(0x0d)) return json;
  return Buffer.from(json.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)));
}
