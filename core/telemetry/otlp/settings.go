package otlp

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
)

// A signal is where one kind of data goes. Without a URL it goes nowhere.
type signal struct {
	url     string
	headers [][2]string
	timeout time.Duration
}

func disabled(getenv func(string) string) bool {
	return strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true")
}

// readSignal reads the variables of TRACES, METRICS or LOGS: the signal's own before the common ones.
func readSignal(getenv func(string) string, name string) (s signal, err error) {
	if s.url, err = endpoint(getenv, name); err != nil || s.url == "" {
		return s, err
	}
	own := func(what string) string {
		if one := "OTEL_EXPORTER_OTLP_" + name + "_" + what; getenv(one) != "" {
			return one
		}
		return "OTEL_EXPORTER_OTLP_" + what
	}
	if variable := own("PROTOCOL"); getenv(variable) != "" && getenv(variable) != "http/protobuf" {
		return s, errdefs.New(errdefs.Unsupported, "%s: %s is not available", variable, errdefs.Quote(getenv(variable))).
			WithHint("use http/protobuf, to port 4318 of the collector")
	}
	if s.timeout, err = milliseconds(getenv, own("TIMEOUT"), 10*time.Second); err != nil {
		return s, err
	}
	s.headers, err = pairs(getenv, own("HEADERS"))
	return s, err
}

// readResource reads what is told about the program itself.
func readResource(getenv func(string) string) (resource []telemetry.Attribute, err error) {
	list, err := pairs(getenv, "OTEL_RESOURCE_ATTRIBUTES")
	if err != nil {
		return nil, err
	}
	name := getenv("OTEL_SERVICE_NAME")
	for _, r := range list {
		if r[0] == "service.name" {
			if name == "" {
				name = r[1]
			}
			continue
		}
		resource = append(resource, telemetry.Attribute{Name: r[0], Value: r[1]})
	}
	if name == "" {
		name = "execkit"
	}
	return append(resource, telemetry.Attribute{Name: "service.name", Value: name}), nil
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
