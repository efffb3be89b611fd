package main

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// dataFuncs are functions that data may hold ({"$func": name}); the Rust test runner defines the same ones.
var dataFuncs = map[string]any{
	"add":     func(a, b int) int { return a + b },
	"answer":  func() int { return 42 },
	"fail":    func(message string) (string, error) { return "", errors.New(message) },
	"join":    func(sep string, parts ...string) string { return strings.Join(parts, sep) },
	"same":    func(v any) any { return v },
	"show":    func(v ...any) string { return fmt.Sprintf("%v", v) },
	"nothing": func() any { return nil },
}

// testFuncs is the function map that `@funcs test` selects: the same functions under names of the map.
func testFuncs() template.FuncMap {
	out := template.FuncMap{}
	for name, f := range dataFuncs {
		out[name] = f
	}
	return out
}
