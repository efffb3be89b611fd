//go:build sprig

package main

import (
	"errors"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/ghodss/yaml"
)

// sprigVersion is what Debian's golang-github-masterminds-sprig-dev and golang-github-ghodss-yaml-dev hold.
const sprigVersion = "Sprig 3.2.3, toYaml by ghodss/yaml 1.0.0+git20220118 over yaml.v2 2.4.0"

// sprigFuncs is Sprig's hermetic set with the two names that Helm adds and boot templates use.
func sprigFuncs() (template.FuncMap, error) {
	f := sprig.HermeticTxtFuncMap()
	f["toYaml"] = func(v any) string {
		out, err := yaml.Marshal(v)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(out), "\n")
	}
	f["required"] = func(message string, v any) (any, error) {
		if v == nil || v == "" {
			return v, errors.New(message)
		}
		return v, nil
	}
	return f, nil
}
