// For tests: a process that writes rows until it is killed, or so many. It says on standard output how many are flushed.
import { Ledger } from './ledger.ts';
import type { LedgerRow } from './row.ts';

const [folder = '', prefix = '', count = 'Infinity'] = process.argv.slice(2);
const ledger = await Ledger.open({ folder, maxFileBytes: 100_000, log: (_level, message) => process.stderr.write(`${message}\n`) });

const row: LedgerRow = {
  v: 1,
  time: new Date().toISOString(),
  request_id: '',
  stream: false,
  status: 200,
  complete: true,
  client_gone: false,
  attempts: 1,
  provenance: 'none',
  price: 'none',
};

for (let done = 0; done < Number(count);) {
  for (let burst = 0; burst < 200 && done < Number(count); burst++) ledger.write({ ...row, request_id: `${prefix}${done++}` });
  await ledger.flush();
  process.stdout.write(`${ledger.written}\n`);
}
await ledger.close();
