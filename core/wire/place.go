package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// unknownField finds the first field of an object, at any depth, that the struct type t does not have: its path with dots,
// and the names that are known in that place. The decoder tells the name alone, without the place.
func unknownField(data []byte, t reflect.Type) (path string, known []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		var items []json.RawMessage
		if t.Elem().Kind() == reflect.Uint8 || json.Unmarshal(data, &items) != nil {
			return "", nil
		}
		for _, item := range items {
			if path, known = unknownField(item, t.Elem()); path != "" {
				return path, known
			}
		}
	case reflect.Struct:
		for name, value := range members(data) {
			field, ok := fieldOf(t, name)
			if !ok {
				return name, fieldNames(t)
			}
			if path, known = unknownField(value, field); path != "" {
				return name + "." + path, known
			}
		}
	}
	return "", nil
}

// members yields the members of an object as they stand in it; nothing of what is no object.
func members(data []byte) func(yield func(string, []byte) bool) {
	return func(yield func(string, []byte) bool) {
		dec := json.NewDecoder(bytes.NewReader(data))
		if begin, err := dec.Token(); err != nil || begin != json.Delim('{') {
			return
		}
		for dec.More() {
			name, err := dec.Token()
			var value json.RawMessage
			if err != nil || dec.Decode(&value) != nil || !yield(name.(string), value) {
				return
			}
		}
	}
}

func fieldOf(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		if own := jsonName(t.Field(i)); own != "" && strings.EqualFold(own, name) {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// missingText returns the name of a text that a request needs and does not have: a field of the type string that may not be
// left out. An empty text that is there counts as given.
func missingText(data []byte, v any) string {
	value := reflect.Indirect(reflect.ValueOf(v))
	if value.Kind() != reflect.Struct {
		return ""
	}
	for i := range value.NumField() {
		f := value.Type().Field(i)
		name := jsonName(f)
		if name == "" || f.Type.Kind() != reflect.String || value.Field(i).Len() > 0 || slices.Contains(strings.Split(f.Tag.Get("json"), ","), "omitempty") {
			continue
		}
		given := false
		for member, text := range members(data) {
			given = given || strings.EqualFold(member, name) && string(text) != "null"
		}
		if !given {
			return name
		}
	}
	return ""
}
