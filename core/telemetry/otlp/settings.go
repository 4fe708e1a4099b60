package otlp

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
)

// settings are what the variables say. An empty URL sends nothing of that kind.
type settings struct {
	traces, metrics        string
	headers                map[string]string
	timeout                time.Duration
	spanDelay, metricDelay time.Duration
	resource               []telemetry.Attribute
}

func read(getenv func(string) string) (s settings, err error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return s, nil
	}
	if s.traces, err = endpoint(getenv, "TRACES"); err != nil {
		return s, err
	}
	if s.metrics, err = endpoint(getenv, "METRICS"); err != nil {
		return s, err
	}
	if s.traces == "" && s.metrics == "" {
		return s, nil
	}
	if p := getenv("OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" && p != "http/protobuf" {
		return s, errdefs.New(errdefs.Unsupported, "OTEL_EXPORTER_OTLP_PROTOCOL: %s is not available", errdefs.Quote(p)).
			WithHint("use http/protobuf, to port 4318 of the collector")
	}
	for _, v := range []struct {
		name     string
		to       *time.Duration
		fallback time.Duration
	}{
		{"OTEL_EXPORTER_OTLP_TIMEOUT", &s.timeout, 10 * time.Second}, {"OTEL_BSP_SCHEDULE_DELAY", &s.spanDelay, 5 * time.Second},
		{"OTEL_METRIC_EXPORT_INTERVAL", &s.metricDelay, time.Minute},
	} {
		if *v.to, err = milliseconds(getenv, v.name, v.fallback); err != nil {
			return s, err
		}
	}
	headers, err := pairs(getenv, "OTEL_EXPORTER_OTLP_HEADERS")
	if err != nil {
		return s, err
	}
	s.headers = make(map[string]string)
	for _, h := range headers {
		s.headers[h[0]] = h[1]
	}
	resource, err := pairs(getenv, "OTEL_RESOURCE_ATTRIBUTES")
	if err != nil {
		return s, err
	}
	name := getenv("OTEL_SERVICE_NAME")
	for _, r := range resource {
		if r[0] == "service.name" {
			if name == "" {
				name = r[1]
			}
			continue
		}
		s.resource = append(s.resource, telemetry.Attribute{Name: r[0], Value: r[1]})
	}
	if name == "" {
		name = "execkit"
	}
	s.resource = append(s.resource, telemetry.Attribute{Name: "service.name", Value: name})
	return s, nil
}

// endpoint is the URL for one signal: its own variable as it is, or the common one with the signal's path.
func endpoint(getenv func(string) string, signal string) (string, error) {
	switch exporter := getenv("OTEL_" + signal + "_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		return "", nil
	default:
		return "", errdefs.New(errdefs.Unsupported, "OTEL_%s_EXPORTER: %s is not available", signal, errdefs.Quote(exporter)).WithHint("use otlp or none")
	}
	name := "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT"
	text, path := getenv(name), ""
	if text == "" {
		name = "OTEL_EXPORTER_OTLP_ENDPOINT"
		text, path = getenv(name), "/v1/"+strings.ToLower(signal)
	}
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errdefs.New(errdefs.InvalidArgument, "%s is no http or https URL", name).WithHint("http://localhost:4318")
	}
	return strings.TrimSuffix(text, "/") + path, nil
}

func milliseconds(getenv func(string) string, name string, fallback time.Duration) (time.Duration, error) {
	text := getenv(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 24*3600*1000 {
		return 0, errdefs.New(errdefs.InvalidArgument, "%s is %s", name, errdefs.Quote(text)).WithHint("give a whole number of milliseconds")
	}
	return time.Duration(n) * time.Millisecond, nil
}

// pairs reads NAME=VALUE,NAME=VALUE with values in URL encoding. A message names the variable and never a value, which
// may be a key.
func pairs(getenv func(string) string, name string) (list [][2]string, err error) {
	for part := range strings.SplitSeq(getenv(name), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		value, bad := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !ok || key == "" || bad != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "%s is not a list of NAME=VALUE", name)
		}
		list = append(list, [2]string{key, value})
	}
	return list, nil
}
