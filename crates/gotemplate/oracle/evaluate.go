package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"text/template"
	"unicode/utf8"
)

// file is a further template text, parsed into the set after the case's own.
type file struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// example is one case: what is rendered and, once Go was asked, what came of it.
type example struct {
	Name       string          `json:"name,omitempty"`
	Template   string          `json:"template"`
	Hex        string          `json:"template_hex,omitempty"` // instead of Template where it is not UTF-8
	Files      []file          `json:"files,omitempty"`
	Execute    string          `json:"execute,omitempty"` // the template to run, if not the case's own
	Dataset    string          `json:"dataset,omitempty"` // data by name, from data.json
	Data       json.RawMessage `json:"data,omitempty"`
	MissingKey string          `json:"missingkey,omitempty"`
	Delims     []string        `json:"delims,omitempty"`
	Funcs      string          `json:"funcs,omitempty"`
	answer
}

// answer is Go's: an output, and where that was refused an error with what had been written before it.
type answer struct {
	Output     *string `json:"output,omitempty"`
	OutputHex  string  `json:"output_hex,omitempty"` // instead of Output where it is not UTF-8
	ParseError string  `json:"parse_error,omitempty"`
	ExecError  string  `json:"exec_error,omitempty"`
}

// rootName is what every case's template is called.
const rootName = "t"

func evaluate(c *example, data any) (answer, error) {
	text := c.Template
	if c.Hex != "" {
		b, err := hex.DecodeString(c.Hex)
		if err != nil {
			return answer{}, err
		}
		text = string(b)
	}
	t := template.New(rootName)
	switch c.Funcs {
	case "":
	case "test":
		t.Funcs(testFuncs())
	case "sprig":
		f, err := sprigFuncs()
		if err != nil {
			return answer{}, err
		}
		t.Funcs(f)
	default:
		return answer{}, fmt.Errorf("no function set %q", c.Funcs)
	}
	if c.MissingKey != "" {
		t.Option("missingkey=" + c.MissingKey)
	}
	if len(c.Delims) == 2 {
		t.Delims(c.Delims[0], c.Delims[1])
	}
	if _, err := t.Parse(text); err != nil {
		return answer{ParseError: err.Error()}, nil
	}
	for _, f := range c.Files {
		if _, err := t.New(f.Name).Parse(f.Text); err != nil {
			return answer{ParseError: err.Error()}, nil
		}
	}
	var out bytes.Buffer
	var err error
	if c.Execute != "" {
		err = t.ExecuteTemplate(&out, c.Execute, data)
	} else {
		err = t.Execute(&out, data)
	}
	var a answer
	if s := out.String(); utf8.ValidString(s) {
		a.Output = &s
	} else {
		a.OutputHex = hex.EncodeToString(out.Bytes())
	}
	if err != nil {
		a.ExecError = err.Error()
	}
	return a, nil
}

// encode is json.Marshal without the escapes for HTML, so that templates stay readable in a review.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	w := bufio.NewWriter(out)
	for lines.Scan() {
		var c example
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		data, err := decode(c.Data)
		if err != nil {
			return fmt.Errorf("%s: data: %w", c.Name, err)
		}
		a, err := evaluate(&c, data)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		b, err := encode(a)
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return lines.Err()
}
