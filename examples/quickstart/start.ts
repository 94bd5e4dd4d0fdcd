// What `npm start` runs: the example upstream and tier one in front of it, in one process, without a key of any provider.
import { fileURLToPath } from 'node:url';

import { main } from '../../cli/main.ts';
import { startUpstream } from './upstream.ts';

const upstream = await startUpstream({
  port: 0,
  openaiKey: 'not-a-secret-openai-example',
  anthropicKey: 'not-a-secret-anthropic-example',
  cohereKey: 'not-a-secret-cohere-example',
});
process.env['TIERKIT_EXAMPLE_PORT'] = String(upstream.port);
process.stderr.write(
  `The example upstream is on port ${upstream.port}. There is no model behind it: its answers are made of your words.\n`,
);
process.exitCode = await main(['run', fileURLToPath(new URL('gateway.yaml', import.meta.url)), ...process.argv.slice(2)]);
await upstream.close();
