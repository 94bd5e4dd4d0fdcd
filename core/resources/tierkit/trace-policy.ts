import { defineKind, type ResourceOf } from '../kind.ts';
import { object, oneOf, Type } from '../schema.ts';
import { checkCovering, COVERING } from './covering.ts';
import { doc } from './doc.ts';
import { TIERKIT_GROUP, TIERKIT_VERSIONS } from './group.ts';

const Side = Type.Optional(oneOf(['Show', 'Hide']));

/**
 * Whether traces tell what the requests of a route, a client or a model say, and what they are answered. Where several cover a request, one
 * that hides goes before those that show; where none says anything, the settings of the process do.
 */
export const TracePolicy = defineKind({
  kind: 'TracePolicy',
  group: TIERKIT_GROUP,
  versions: TIERKIT_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      ...COVERING,
      content: doc(
        'What the traces of these requests tell.',
        object({
          inputs: doc('What is asked.', Side),
          outputs: doc('What is answered.', Side),
          percent: doc(
            'Of the traces in which content is shown, the share that it is shown in. A Hide holds for all.',
            Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
          ),
        }),
      ),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    checkCovering(spec, report);
    const { inputs, outputs, percent } = spec.content;
    if (inputs === undefined && outputs === undefined) report('spec.content', 'one of inputs and outputs is required');
    if (percent !== undefined && inputs !== 'Show' && outputs !== 'Show')
      report('spec.content.percent', 'is for content that is shown: what is hidden is hidden in all traces');
  },
});
export type TracePolicy = ResourceOf<typeof TracePolicy>;
