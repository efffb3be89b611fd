// Command oracle asks Go's own text/template what a template renders to.
//
// It is the judge of the Rust crate beside it: the golden corpus holds what this program answered, and the
// differential run asks it anew for random templates.
//
//	oracle regenerate CASES GOLDEN   expand the case sources in CASES and write Go's answers into GOLDEN
//	oracle serve                     one JSON case a line on stdin, one JSON answer a line on stdout
//	oracle bench TEMPLATE DATA       nanoseconds of parse+render and of rendering again, as JSON
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "regenerate":
		return regenerate(args[1], args[2])
	case len(args) == 1 && args[0] == "serve":
		return serve(os.Stdin, os.Stdout)
	case len(args) == 3 && args[0] == "bench":
		return bench(args[1], args[2])
	}
	return fmt.Errorf("usage: oracle regenerate CASES GOLDEN | serve | bench TEMPLATE DATA")
}
