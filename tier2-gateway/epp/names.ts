/** Names of the Endpoint Picker Protocol (Gateway API Inference Extension, proposal 004, v1.0.0) as they are on the wire. */

/** Full name of the ext_proc service; the health service answers for it too. */
export const EXT_PROC_SERVICE = 'envoy.service.ext_proc.v3.ExternalProcessor';

/** Namespace of the pick and of the served echo in metadata. */
export const LB_NAMESPACE = 'envoy.lb';
/** Request header, and key in `envoy.lb`, that names the picked endpoints in order of preference. */
export const DESTINATION = 'x-gateway-destination-endpoint';
/** Key in `envoy.lb`: the endpoint that answered, told to the picker with the response headers. */
export const DESTINATION_SERVED = 'x-gateway-destination-endpoint-served';
/** Key in `envoy.lb`: the picker's scores, one number an endpoint. Optional. */
export const DESTINATION_SCORES = 'x-gateway-destination-endpoint-scores';

/** Namespace and key of the endpoints that the picker may choose from. */
export const SUBSET_NAMESPACE = 'envoy.lb.subset_hint';
export const SUBSET = 'x-gateway-destination-endpoint-subset';

/** Header of an immediate response: why the picker's flow control dropped the request. */
export const DROPPED_REASON = 'x-llm-d-request-dropped-reason';

/** Old names of request headers → the name of today. Our server reads both and lets no old name through to the model server. */
export const DEPRECATED_ALIASES: ReadonlyMap<string, string> = new Map([
  ['x-gateway-inference-objective', 'x-llm-d-inference-objective'],
  ['x-gateway-inference-fairness-id', 'x-llm-d-inference-fairness-id'],
  ['x-gateway-model-name-rewrite', 'x-llm-d-model-name-rewrite'],
  ['x-slo-ttft-ms', 'x-llm-d-slo-ttft-ms'],
  ['x-slo-tpot-ms', 'x-llm-d-slo-tpot-ms'],
]);
