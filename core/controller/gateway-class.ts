import { GatewayClass } from '../resources/gateway-api/gateway-class.ts';
import { isFalse, isTrue, stampedAmongOthers, textsOf } from './conditions.ts';
import { supportedFeatures } from './features.ts';
import { fieldsOf } from './fields.ts';
import { type State, statusOf, type Verdict } from './view.ts';

const OWN = new Set(['Accepted']);

/** Of the classes that name our controller. */
export function gatewayClasses(state: State): Verdict[] {
  const { controllerName, objects, servesPools } = state.view;
  const ours = objects(GatewayClass).filter((object) => fieldsOf(object['spec'])['controllerName'] === controllerName);
  return ours.map((object) => {
    const { parametersRef } = fieldsOf(object['spec']);
    const problems = state.problems(object);
    const accepted =
      problems.length > 0
        ? isFalse('Accepted', 'Unsupported', textsOf(problems))
        : parametersRef === undefined
          ? isTrue('Accepted', 'Accepted', `Gateways of this class are served by ${controllerName}`)
          : isFalse('Accepted', 'InvalidParameters', 'spec.parametersRef: the class has no parameters; leave the field out');
    return {
      object,
      status: {
        conditions: stampedAmongOthers([accepted], OWN, statusOf(object)['conditions'], state.stamp(object)),
        supportedFeatures: supportedFeatures(servesPools).map((name) => ({ name })),
      },
    };
  });
}
