package otlp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/telemetry"
)

// A sender posts requests, and knows what they say about the program.
type sender struct {
	resource []telemetry.Attribute
	version  string
}

// envelope writes what every request has: the resource and the scope around a list.
func (s *sender) envelope(items func(scope *message)) []byte {
	var request message
	request.sub(1, func(resource *message) {
		resource.sub(1, func(r *message) { attributes(r, 1, s.resource) })
		resource.sub(2, func(scope *message) {
			scope.sub(1, func(one *message) { one.text(1, scopeName); one.text(2, s.version) })
			items(scope)
		})
	})
	return request
}

// maxAnswer bounds what is read of a collector's answer, and is more than one with a message of an error.
const maxAnswer = 64 << 10

// post sends one request, within ctx and the signal's own time. Of an answer that takes only a part of it, the rest is an
// error.
func (*sender) post(ctx context.Context, to signal, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, to.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, h := range to.headers {
		request.Header.Set(h[0], h[1])
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &refusal{response.StatusCode, "the collector answered " + response.Status}
	}
	if n, why := rejected(answer); n != 0 {
		return &refusal{response.StatusCode, "the collector rejected it: " + errdefs.Quote(why)}
	}
	return nil
}

// A refusal is an answer of a collector that took less than all.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// passing reports whether the same request may be taken later: no answer came, or one that the protocol calls retryable.
func passing(err error) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return true
	}
	return slices.Contains([]int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, r.status)
}

// rejected reads how much of a request its answer refuses, and why: partial_success, field 1 of the answer, with the
// number in its field 1 and a message in field 2.
func rejected(answer []byte) (n uint64, why string) {
	for f := range fields(answer) {
		if f.number != 1 {
			continue
		}
		for part := range fields(f.bytes) {
			switch part.number {
			case 1:
				n = part.value
			case 2:
				why = string(part.bytes)
			}
		}
	}
	return n, why
}
