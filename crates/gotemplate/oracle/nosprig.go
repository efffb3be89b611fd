//go:build !sprig

package main

import (
	"errors"
	"text/template"
)

const sprigVersion = ""

func sprigFuncs() (template.FuncMap, error) {
	return nil, errors.New("this oracle was built without Sprig (-tags sprig)")
}
