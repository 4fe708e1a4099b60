package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"

	json "github.com/goccy/go-json"

	"github.com/execkit/execkit/core/errdefs"
)

// Encode returns v as JSON without HTML escaping and without a final newline. Invalid UTF-8 in a string would come out
// as U+FFFD, so bytes that may not be text travel as base64 with an encoding field beside them.
func Encode(v any) ([]byte, error) { return json.MarshalWithOption(v, json.DisableHTMLEscape()) }

// Decode reads one JSON object into the struct that dst points to. An unknown field, a wrong type or bytes after the
// value give invalid_argument; an unknown field's message names the nearest known one. Empty data is an empty object.
func Decode(data []byte, dst any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(dst); err != nil {
		return decodeError(err, data, dst)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errdefs.New(errdefs.InvalidArgument, "the request holds more than one JSON value")
	}
	return nil
}

// DecodeRequest is Decode for the params of a method, which also have to hold every text that the method needs: a field of
// the type string without omitempty. A command that was left out must not pass for an empty one.
func DecodeRequest(data []byte, dst any) error {
	if err := Decode(data, dst); err != nil {
		return err
	}
	if name := missingText(data, dst); name != "" {
		return errdefs.New(errdefs.InvalidArgument, "the field %q is missing", name).WithHint("give it as a string").WithDetail("field", name)
	}
	return nil
}

func decodeError(err error, data []byte, dst any) error {
	const unknown = "json: unknown field "
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, unknown); ok {
		path, known := unknownField(data, reflect.TypeOf(dst))
		if path == "" { // in a value with a decoder of its own
			path, known = strings.Trim(name, `"`), FieldNames(dst)
		}
		e := errdefs.New(errdefs.InvalidArgument, "unknown field %s", errdefs.Quote(path)).WithDetail("field", path)
		if near := Nearest(path[strings.LastIndexByte(path, '.')+1:], known); near != "" {
			e.WithHint("did you mean %q?", near)
		} else {
			e.WithHint("known fields: %s", strings.Join(known, ", "))
		}
		return e
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		value := strings.TrimPrefix(wrong.Value, "number ")
		if wrong.Field == "" {
			return errdefs.New(errdefs.InvalidArgument, "%s is needed, not %s", jsonKind(wrong.Type), value)
		}
		return errdefs.New(errdefs.InvalidArgument, "field %q must be %s, not %s", wrong.Field, jsonKind(wrong.Type), value).
			WithDetail("field", wrong.Field)
	}
	return errdefs.New(errdefs.InvalidArgument, "the request is not a valid JSON object: %s", errdefs.Quote(strings.TrimPrefix(msg, "json: ")))
}

func jsonKind(t reflect.Type) string {
	if t == nil {
		return "another type"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number of at most 18 digits"
	}
}

// FieldNames returns the JSON names of the fields of the struct that v points to, in order.
func FieldNames(v any) []string {
	t := reflect.TypeOf(v)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return fieldNames(t)
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := jsonName(t.Field(i)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Nearest returns the candidate that name is most likely a misspelling of, or "" if none is near. Differences in case
// and in '_' or '-' do not count, so camelCase finds its snake_case twin.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", 3
	for _, c := range candidates {
		if d := distance(fold(name), fold(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}

// distance is the Levenshtein distance of two short names; long ones are never near, which bounds the work.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost = 1 + min(diagonal, row[j], row[j-1])
			}
			diagonal, row[j] = row[j], cost
		}
	}
	return row[len(b)]
}
