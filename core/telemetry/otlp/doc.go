// Package otlp sends telemetry over OTLP/HTTP with protobuf, as the standard OTEL_* variables say. Without an endpoint
// in them there is no exporter and nothing is sent.
//
// The messages are written by hand: there are few of them and their form is frozen, while the SDK of OpenTelemetry with
// its exporter would more than double the code that a host loads. docs/rationale.md has the figures.
//
// Variables: OTEL_SDK_DISABLED, OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _TIMEOUT and _PROTOCOL (http/protobuf alone), each also
// for one signal (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, …_METRICS_…, …_LOGS_…), OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and
// OTEL_LOGS_EXPORTER (otlp or none), OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_SCHEDULE_DELAY,
// OTEL_METRIC_EXPORT_INTERVAL.
//
// A collector that does not answer costs the session nothing: of spans and measurements, what it does not take is sent
// again, and what the queue does not hold is dropped and counted. A [HeadLog] tells its caller instead, since an audit log must know where its head is kept.
package otlp
