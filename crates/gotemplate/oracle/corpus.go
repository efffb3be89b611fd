package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// regenerate expands every CASES/*.txt and writes GOLDEN/<topic>.jsonl: the cases with Go's answers. The same
// sources under the same Go give the same bytes.
func regenerate(cases, golden string) error {
	datasets, err := readDatasets(filepath.Join(cases, "data.json"))
	if err != nil {
		return err
	}
	sources, err := filepath.Glob(filepath.Join(cases, "*.txt"))
	if err != nil {
		return err
	}
	sort.Strings(sources)
	total := 0
	for _, source := range sources {
		topic := strings.TrimSuffix(filepath.Base(source), ".txt")
		text, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		expanded, err := expand(topic, string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		if topic == "sprig" && sprigVersion == "" {
			fmt.Printf("%-12s kept as it is: this oracle was built without Sprig\n", topic)
			continue
		}
		head := map[string]string{"topic": topic, "go": runtime.Version()}
		if topic == "sprig" {
			head["sprig"] = sprigVersion
		}
		out, err := encode(head)
		if err != nil {
			return err
		}
		for _, c := range expanded {
			raw := c.Data
			if c.Dataset != "" {
				var ok bool
				if raw, ok = datasets[c.Dataset]; !ok {
					return fmt.Errorf("%s: no dataset %q", c.Name, c.Dataset)
				}
			}
			// Decoded for each case: a template's functions may change what they are given.
			data, err := decode(raw)
			if err != nil {
				return fmt.Errorf("%s: data: %w", c.Name, err)
			}
			if c.answer, err = evaluate(&c, data); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			line, err := encode(c)
			if err != nil {
				return err
			}
			out = append(out, line...)
		}
		if err := os.WriteFile(filepath.Join(golden, topic+".jsonl"), out, 0o644); err != nil {
			return err
		}
		fmt.Printf("%-12s %4d cases\n", topic, len(expanded))
		total += len(expanded)
	}
	fmt.Printf("%d cases answered by %s\n", total, runtime.Version())
	return nil
}

func readDatasets(path string) (map[string]json.RawMessage, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// each is an `@each NAME values` line: every case below it is repeated with $(NAME) replaced.
type each struct {
	name   string
	values []string
}

// expand reads one case source. README.md beside the sources describes the format.
func expand(topic, text string) ([]example, error) {
	var out []example
	var base example
	var section string
	var tables []each
	count := 0
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		template := line
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "# "):
			continue
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section, base, tables, count = line[1:len(line)-1], example{}, nil, 0
			continue
		case strings.HasPrefix(line, "@"):
			if err := directive(line, &base, &tables); err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			continue
		case line == "<<<":
			end := i + 1
			for end < len(lines) && lines[end] != ">>>" {
				end++
			}
			if end == len(lines) {
				return nil, fmt.Errorf("line %d: <<< without >>>", i+1)
			}
			template = strings.Join(lines[i+1:end], "\n") + "\n"
			i = end
		}
		if section == "" {
			return nil, fmt.Errorf("line %d: a case before the first [section]", i+1)
		}
		c := base
		if head, data, ok := strings.Cut(template, " ⇐ "); ok && line != "<<<" {
			template, c.Dataset, c.Data = head, "", json.RawMessage(data)
		}
		if strings.HasPrefix(template, `"`) && line != "<<<" {
			unquoted, err := strconv.Unquote(template)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			template = unquoted
		}
		count++
		name := fmt.Sprintf("%s/%s/%d", topic, section, count)
		out = append(out, product(c, name, template, tables)...)
	}
	return out, nil
}

func directive(line string, base *example, tables *[]each) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "@data":
		base.Dataset, base.Data = "", json.RawMessage(rest)
	case "@dataset":
		base.Dataset, base.Data = rest, nil
	case "@missingkey":
		base.MissingKey = rest
	case "@delims":
		base.Delims = strings.Fields(rest)
	case "@funcs":
		base.Funcs = rest
	case "@execute":
		base.Execute = rest
	case "@file":
		name, quoted, _ := strings.Cut(rest, " ")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return err
		}
		base.Files = append(base.Files[:len(base.Files):len(base.Files)], file{name, text})
	case "@each":
		name, values, _ := strings.Cut(rest, " ")
		e := each{name: name}
		if strings.HasPrefix(values, "[\"") {
			if err := json.Unmarshal([]byte(values), &e.values); err != nil {
				return err
			}
		} else {
			e.values = strings.Fields(values)
		}
		*tables = append(*tables, e)
	default:
		return fmt.Errorf("no directive %s", word)
	}
	return nil
}

func product(c example, name, template string, tables []each) []example {
	for i, t := range tables {
		marker := "$(" + t.name + ")"
		if !strings.Contains(template, marker) && !strings.Contains(string(c.Data)+c.Dataset, marker) {
			continue
		}
		var out []example
		for _, v := range t.values {
			one := c
			one.Dataset = strings.ReplaceAll(c.Dataset, marker, v)
			one.Data = json.RawMessage(strings.ReplaceAll(string(c.Data), marker, v))
			if len(one.Data) == 0 {
				one.Data = nil
			}
			out = append(out, product(one, name+" "+v, strings.ReplaceAll(template, marker, v), tables[i+1:])...)
		}
		return out
	}
	c.Name, c.Template = name, template
	if !utf8.ValidString(template) {
		c.Template, c.Hex = "", hex.EncodeToString([]byte(template))
	}
	return []example{c}
}
