package main

import (
	"fmt"
	"io"
	"os"
	"testing"
	"text/template"
)

// bench prints what Go needs for a template: to parse and render it, and to render it again once parsed.
func bench(templatePath, dataPath string) error {
	text, err := os.ReadFile(templatePath)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(dataPath)
	if err != nil {
		return err
	}
	data, err := decode(raw)
	if err != nil {
		return err
	}
	parsed, err := template.New(rootName).Parse(string(text))
	if err != nil {
		return err
	}
	if err := parsed.Execute(io.Discard, data); err != nil {
		return err
	}
	whole := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			t, _ := template.New(rootName).Parse(string(text))
			_ = t.Execute(io.Discard, data)
		}
	})
	again := testing.Benchmark(func(b *testing.B) {
		for range b.N {
			_ = parsed.Execute(io.Discard, data)
		}
	})
	_, err = fmt.Printf("{\"parse_and_render_ns\": %d, \"render_ns\": %d}\n", whole.NsPerOp(), again.NsPerOp())
	return err
}
