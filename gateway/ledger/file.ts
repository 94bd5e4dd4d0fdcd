import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that rows are added to. */
export interface LedgerFile {
  /** @returns how many of the bytes were written: perhaps not all */
  write(bytes: Buffer): Promise<number>;
  /** Whether its name no longer leads to it: what is added then is lost. */
  gone(): Promise<boolean>;
  sync(): Promise<void>;
  close(): Promise<void>;
  /** Takes the file away. */
  remove(): Promise<void>;
}

/** Makes a new file. Rejects with EEXIST where there is one of that name. */
export type CreateFile = (path: string) => Promise<LedgerFile>;

/** A file on disk. Its folder is made where it is missing. */
export const createFile: CreateFile = async (path) => {
  const handle = await openNew(path);
  const { ino } = await handle.stat();
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    gone: async () => {
      try {
        return (await stat(path)).ino !== ino;
      } catch (error) {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return true;
        throw error;
      }
    },
    sync: () => handle.sync(),
    close: () => handle.close(),
    remove: () => unlink(path),
  };
};

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'ax', 0o640);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    return open(path, 'ax', 0o640);
  }
}

export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

/** `ledger-2026-01-31T23-59-59-999Z-NAME.jsonl`: names sort by time. @param time ms since 1970 */
export function fileName(time: number, name: string): string {
  return `ledger-${new Date(time).toISOString().replaceAll(/[:.]/g, '-')}-${name}.jsonl`;
}

/** Day, in UTC, that a file of a ledger was begun; undefined for other names. No row in it is of a later request than its end. */
export function dayOfFile(name: string): string | undefined {
  return /^ledger-(\d{4}-\d{2}-\d{2})T/.exec(name)?.[1];
}
