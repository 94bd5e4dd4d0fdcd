import { type DestinationStream, type Logger, pino } from 'pino';

/** Where access-log lines go: standard output, in chunks, so that a line costs no system call of its own. */
export function accessLogStream(): DestinationStream & { flush(): void; flushSync(): void } {
  return pino.destination({ dest: 1, sync: false, minLength: 4096 });
}

/** A logger of lines without pid, host and time of writing: one JSON object a request. */
export function accessLogger(stream: DestinationStream): Logger {
  return pino({ base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } }, stream);
}
