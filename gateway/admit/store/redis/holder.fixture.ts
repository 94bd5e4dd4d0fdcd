// For tests: a replica as a process, which sets units aside, says so, uses some, and waits to be killed.
import { LeasedStore } from '../leases/leased-store.ts';
import { charge, LONG } from '../store.fixture.ts';
import { RedisStore } from './redis-store.ts';
import { parseRedisUrl } from './settings.ts';

const [url = '', prefix = '', kind = '', holdMs = ''] = process.argv.slice(2);
const options = { settings: parseRedisUrl(url), prefix, holdMs: Number(holdMs) };
const store = kind === 'leases' ? new LeasedStore({ ...options, share: 0.5, reportMs: 60_000 }) : new RedisStore(options);
await store.connected(5000);
let granted = 0;
const end = performance.now() + 300;
while (performance.now() < end) {
  const decision = await store.reserve([charge({ window: LONG, limit: 1000 })]);
  if (decision.admitted) granted++;
  await new Promise((resolve) => setTimeout(resolve, 2));
}
console.log(granted);
// Not for ever, should the one who kills be killed.
setTimeout(() => process.exit(), 30_000);
