// The one file that imports cdk8s-plus: to move to a later one (cdk8s-plus-34 has the same names) is a change of this line.
import * as kplus from 'cdk8s-plus-28';

export { kplus };
