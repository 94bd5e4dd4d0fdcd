/** API group of the kinds that exist nowhere else. */
export const TIERKIT_GROUP = 'tierkit.dev';
export const TIERKIT_VERSIONS = ['v1alpha1'] as const;
