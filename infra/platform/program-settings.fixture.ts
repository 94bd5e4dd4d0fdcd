import { platform } from '../charts/platform.ts';
import { readSettings } from '../settings.ts';
import type { Settings } from '../settings.ts';
import { completed, namesNeeded } from './generated.ts';
import type { ProgramOptions } from './program.ts';

/** Two clusters with everything in them. */
export function twoClusters(): Settings {
  return readSettings({
    size: 'production',
    topology: 'two-clusters',
    clusters: { gateway: { context: 'gateways' }, model: { context: 'models', kubeconfig: '/etc/models.yaml' } },
    image: { name: 'registry.example.com/tierkit', tag: '1' },
    tierOne: { clients: [{ name: 'app' }] },
    providers: [{ name: 'openai', api: 'OpenAI', key: { config: 'openaiKey' }, models: [{ name: 'gpt-5' }] }],
    models: [{ namespace: 'team-a', name: 'demo', runtime: 'simulator' }],
  });
}

/** A program with keys that are as good as real ones. */
export function programOf(settings: Settings, findAddress: ProgramOptions['findAddress']): ProgramOptions {
  const generated = completed({ pairs: {}, texts: {} }, namesNeeded(platform(settings)), 0);
  return { settings, secrets: { read: (key) => (key === 'openaiKey' ? 'sk-of-openai' : undefined), generated, folder: '/' }, findAddress };
}
