package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// decode turns the JSON of a case into template data. Plain JSON means what a YAML or JSON file means to a
// template: objects are map[string]any, arrays []any, integral numbers int (uint where int is too small),
// others float64. What JSON cannot say has a tagged form, an object whose first key starts with "$":
//
//	{"$int8": 1} … {"$uint64": 1}, {"$float32": 1}, {"$float": 1 | "NaN" | "+Inf" | "-Inf" | "-0"}
//	{"$bytes": "text"}, {"$hex": "ff00"}  (a []byte; a string of those bytes)
//	{"$slice": "int", "of": […]}, {"$map": "string:int", "of": [[key, value], …]}
//	{"$struct": [["Name", value], …], "type": "main.Machine"?}
//	{"$ptr": value}, {"$nil": "[]int" | "map[string]int" | "*main.Machine" | "func()"}
//	{"$func": "name"}  (a function of the fixed set in funcs.go)
func decode(text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, errors.New("more than one JSON value")
	}
	return build(raw)
}

func build(raw any) (any, error) {
	switch v := raw.(type) {
	case json.Number:
		return number(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			b, err := build(e)
			if err != nil {
				return nil, err
			}
			out[i] = b
		}
		return out, nil
	case map[string]any:
		for k := range v {
			if strings.HasPrefix(k, "$") {
				return tagged(k, v)
			}
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			b, err := build(e)
			if err != nil {
				return nil, err
			}
			out[k] = b
		}
		return out, nil
	}
	return raw, nil // nil, bool, string
}

func number(n json.Number) (any, error) {
	s := n.String()
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return int(i), nil
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return uint(u), nil
		}
	}
	return strconv.ParseFloat(s, 64)
}

// Named types, so that errors can name them as they do for a real program's data.
type (
	// Machine has the shape of what a boot server hands to its templates.
	Machine struct {
		Name   string
		Labels map[string]string
		Spec   Spec
		Leases []Lease
		hidden string
	}
	// Spec is nested data of a Machine.
	Spec struct {
		Image   string
		Version string
		Reboots int64
		Ready   bool
		Weight  float64
		Extra   any
		PXE     *PXE
	}
	// PXE is reached through a pointer that may be nil.
	PXE struct {
		Image string
		Lease Lease
	}
	// Lease is an element of a typed slice.
	Lease struct {
		MAC  string
		IPv4 string
		DNS  []string
		MTU  int
	}
)

var types = map[string]reflect.Type{
	"any":          reflect.TypeFor[any](),
	"bool":         reflect.TypeFor[bool](),
	"int":          reflect.TypeFor[int](),
	"int8":         reflect.TypeFor[int8](),
	"int16":        reflect.TypeFor[int16](),
	"int32":        reflect.TypeFor[int32](),
	"int64":        reflect.TypeFor[int64](),
	"uint":         reflect.TypeFor[uint](),
	"uint8":        reflect.TypeFor[uint8](),
	"uint16":       reflect.TypeFor[uint16](),
	"uint32":       reflect.TypeFor[uint32](),
	"uint64":       reflect.TypeFor[uint64](),
	"float32":      reflect.TypeFor[float32](),
	"float64":      reflect.TypeFor[float64](),
	"string":       reflect.TypeFor[string](),
	"func()":       reflect.TypeFor[func()](),
	"main.Machine": reflect.TypeFor[Machine](),
	"main.Spec":    reflect.TypeFor[Spec](),
	"main.PXE":     reflect.TypeFor[PXE](),
	"main.Lease":   reflect.TypeFor[Lease](),
}

func typeNamed(name string) (reflect.Type, error) {
	if t, ok := types[name]; ok {
		return t, nil
	}
	if rest, ok := strings.CutPrefix(name, "[]"); ok {
		elem, err := typeNamed(rest)
		if err != nil {
			return nil, err
		}
		return reflect.SliceOf(elem), nil
	}
	if rest, ok := strings.CutPrefix(name, "*"); ok {
		elem, err := typeNamed(rest)
		if err != nil {
			return nil, err
		}
		return reflect.PointerTo(elem), nil
	}
	if rest, ok := strings.CutPrefix(name, "map["); ok {
		key, elem, _ := strings.Cut(rest, "]")
		k, err := typeNamed(key)
		if err != nil {
			return nil, err
		}
		e, err := typeNamed(elem)
		if err != nil {
			return nil, err
		}
		return reflect.MapOf(k, e), nil
	}
	return nil, fmt.Errorf("no type %q", name)
}

func tagged(tag string, object map[string]any) (any, error) {
	arg := object[tag]
	text, _ := arg.(string)
	switch tag {
	case "$float":
		switch text {
		case "NaN":
			return math.NaN(), nil
		case "+Inf":
			return math.Inf(1), nil
		case "-Inf":
			return math.Inf(-1), nil
		case "-0":
			return math.Copysign(0, -1), nil
		}
		return arg.(json.Number).Float64()
	case "$bytes":
		return []byte(text), nil
	case "$hex":
		b, err := hex.DecodeString(text)
		return string(b), err
	case "$func":
		f, ok := dataFuncs[text]
		if !ok {
			return nil, fmt.Errorf("no function %q", text)
		}
		return f, nil
	case "$nil":
		t, err := typeNamed(text)
		if err != nil {
			return nil, err
		}
		return reflect.Zero(t).Interface(), nil
	case "$ptr":
		v, err := build(arg)
		if err != nil {
			return nil, err
		}
		p := reflect.New(reflect.TypeOf(v))
		p.Elem().Set(reflect.ValueOf(v))
		return p.Interface(), nil
	case "$slice":
		t, err := typeNamed("[]" + text)
		if err != nil {
			return nil, err
		}
		return convert(object["of"], t)
	case "$map":
		key, elem, _ := strings.Cut(text, ":")
		t, err := typeNamed("map[" + key + "]" + elem)
		if err != nil {
			return nil, err
		}
		out := reflect.MakeMap(t)
		for _, pair := range object["of"].([]any) {
			k, err := convert(pair.([]any)[0], t.Key())
			if err != nil {
				return nil, err
			}
			e, err := convert(pair.([]any)[1], t.Elem())
			if err != nil {
				return nil, err
			}
			out.SetMapIndex(valueOf(k, t.Key()), valueOf(e, t.Elem()))
		}
		return out.Interface(), nil
	case "$struct":
		return structure(object)
	}
	t, err := typeNamed(strings.TrimPrefix(tag, "$"))
	if err != nil {
		return nil, err
	}
	return convert(arg, t)
}

// structure builds a declared type, or an unnamed struct whose fields have their values' types.
func structure(object map[string]any) (any, error) {
	pairs := object["$struct"].([]any)
	if name, ok := object["type"].(string); ok {
		t, err := typeNamed(name)
		if err != nil {
			return nil, err
		}
		out := reflect.New(t).Elem()
		for _, pair := range pairs {
			name := pair.([]any)[0].(string)
			field := out.FieldByName(name)
			if !field.IsValid() {
				return nil, fmt.Errorf("%s has no field %s", t, name)
			}
			v, err := convert(pair.([]any)[1], field.Type())
			if err != nil {
				return nil, err
			}
			field.Set(valueOf(v, field.Type()))
		}
		return out.Interface(), nil
	}
	var fields []reflect.StructField
	var values []reflect.Value
	for _, pair := range pairs {
		v, err := build(pair.([]any)[1])
		if err != nil {
			return nil, err
		}
		t := types["any"]
		if v != nil {
			t = reflect.TypeOf(v)
		}
		fields = append(fields, reflect.StructField{Name: pair.([]any)[0].(string), Type: t})
		values = append(values, valueOf(v, t))
	}
	out := reflect.New(reflect.StructOf(fields)).Elem()
	for i, v := range values {
		out.Field(i).Set(v)
	}
	return out.Interface(), nil
}

func valueOf(v any, t reflect.Type) reflect.Value {
	if v == nil {
		return reflect.Zero(t)
	}
	return reflect.ValueOf(v)
}

// convert gives a raw JSON value the wanted Go type.
func convert(raw any, t reflect.Type) (any, error) {
	v, err := build(raw)
	if err != nil || v == nil {
		return reflect.Zero(t).Interface(), err
	}
	rv := reflect.ValueOf(v)
	switch {
	case rv.Type().AssignableTo(t):
		return v, nil
	case t.Kind() == reflect.Pointer:
		inner, err := convert(raw, t.Elem())
		if err != nil {
			return nil, err
		}
		p := reflect.New(t.Elem())
		p.Elem().Set(valueOf(inner, t.Elem()))
		return p.Interface(), nil
	case t.Kind() == reflect.Slice && rv.Kind() == reflect.Slice:
		out := reflect.MakeSlice(t, 0, rv.Len())
		for _, e := range raw.([]any) {
			c, err := convert(e, t.Elem())
			if err != nil {
				return nil, err
			}
			out = reflect.Append(out, valueOf(c, t.Elem()))
		}
		return out.Interface(), nil
	case t.Kind() == reflect.Map && rv.Kind() == reflect.Map:
		out := reflect.MakeMap(t)
		object := raw.(map[string]any)
		keys := make([]string, 0, len(object))
		for k := range object {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			c, err := convert(object[k], t.Elem())
			if err != nil {
				return nil, err
			}
			out.SetMapIndex(reflect.ValueOf(k).Convert(t.Key()), valueOf(c, t.Elem()))
		}
		return out.Interface(), nil
	case rv.Kind() != reflect.String && t.Kind() != reflect.String && rv.CanConvert(t):
		return rv.Convert(t).Interface(), nil
	}
	return nil, fmt.Errorf("cannot make a %s of %s", t, rv.Type())
}
