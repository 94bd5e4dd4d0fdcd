/**
 * What kind of problem one is, in the words of Gateway API's conditions.
 * @see https://gateway-api.sigs.k8s.io/reference/spec/
 */
export type Reason =
  | 'BackendNotFound'
  | 'Conflicted'
  | 'EndpointPickerRefMissing'
  | 'InvalidCACertificateKind'
  | 'InvalidCACertificateRef'
  | 'InvalidCertificateRef'
  | 'InvalidClientCertificateRef'
  | 'InvalidExtensionRef'
  | 'InvalidKind'
  | 'InvalidParameters'
  | 'NoMatchingListenerHostname'
  | 'NoMatchingParent'
  | 'NotAllowedByListeners'
  | 'RefNotPermitted'
  | 'TargetNotFound'
  | 'UnsupportedProtocol'
  | 'UnsupportedValue';
