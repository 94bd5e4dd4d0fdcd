import type { Resource } from '@opentelemetry/resources';

/** What spans and metrics are of: this process. @param serviceName where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have none */
export async function resourceOf(serviceName: string, version: string): Promise<Resource> {
  const { defaultResource, detectResources, envDetector, resourceFromAttributes, serviceInstanceIdDetector } =
    await import('@opentelemetry/resources');
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }))
    .merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] }));
}
