// For tests: a platform of its own process, to be killed. Its arguments are ports. Writes events as JSON.
import { child, QUICK } from './children.fixture.ts';
import { KEYS_VARIABLE, makeKeys } from './keys.ts';
import { LocalPlatform } from './platform.ts';
import { jsonScreen } from './screen.ts';

const [first = 0, second = 0] = process.argv.slice(2).map(Number);
const keys = makeKeys();
const env = { ...process.env, [KEYS_VARIABLE]: keys.folder };
process.stdout.write(`${JSON.stringify({ folder: keys.folder })}\n`);
const specs = [child('a', 'serve', first), child('b', 'stubborn', second)].map((spec) => ({ ...spec, env }));
const platform = new LocalPlatform([specs], QUICK, jsonScreen(process.stdout, true));
if (await platform.start()) process.stdout.write('{"event":"all-ready"}\n');
