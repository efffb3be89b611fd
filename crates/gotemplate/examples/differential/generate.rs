//! The grammar of random cases.
//!
//! Role: templates that mostly parse and often run, over data with every kind; one in seven is then damaged. Invariants: a template
//! calls only templates defined after it, and ranges over small things, so that every case ends soon.

#![allow(
    clippy::format_push_string,
    clippy::match_same_arms,
    reason = "templates read best as templates, dice as tables"
)]

use super::data::data;
use super::random::Random;
use super::support::Case;
use super::words::{BUILTINS, CHAINS, DAMAGE, FIELDS, FLAGS, LITERALS, SAFE, SINKS, SPRIG, TESTS, TEXTS, VERBS};

/// A case from its dice.
pub(crate) fn case(dice: &mut Random) -> Case {
    let funcs = match dice.below(5) {
        0 => "test",
        1 => "sprig",
        _ => "",
    };
    let data = data(dice);
    let mut grammar = Grammar { dice, out: String::new(), variables: vec![Vec::new()], loops: 0, defined: 0, funcs };
    for _ in 0..=grammar.dice.below(4) {
        grammar.piece(3);
    }
    for i in 0..grammar.defined {
        grammar.definition(i);
    }
    let mut template = grammar.out;
    if dice.one_in(7) {
        damage(&mut template, dice);
    }
    let missingkey = match dice.below(6) {
        0 => "zero",
        1 => "error",
        _ => "",
    };
    Case { template, funcs: funcs.into(), missingkey: missingkey.into(), data, ..Case::default() }
}

fn damage(template: &mut String, dice: &mut Random) {
    let places: Vec<usize> = template.char_indices().map(|(i, _)| i).collect();
    if places.is_empty() {
        return;
    }
    let at = places[dice.below(places.len())];
    if dice.one_in(2) {
        template.insert_str(at, dice.pick(DAMAGE));
    } else {
        template.remove(at);
    }
}

struct Grammar<'d> {
    dice: &'d mut Random,
    out: String,
    /// The variables of the open scopes.
    variables: Vec<Vec<String>>,
    loops: usize,
    /// Templates that are called and still to be defined.
    defined: usize,
    funcs: &'static str,
}

impl Grammar<'_> {
    fn piece(&mut self, depth: usize) {
        match self.dice.below(if depth == 0 { 5 } else { 12 }) {
            0 | 1 => self.out.push_str(self.dice.pick(TEXTS)),
            2 | 3 => self.action(depth, Self::pipeline),
            4 => self.declaration(depth),
            5 | 6 => self.control("if", depth),
            7 => self.control("with", depth),
            8 | 9 => self.range(depth),
            10 => {
                let call = format!("template \"d{}\" ", self.defined);
                self.defined += usize::from(self.defined < 3);
                self.action(depth, |g, depth| {
                    let argument = g.pipeline(depth);
                    format!("{call}{argument}")
                });
            }
            _ => self.out.push_str(self.dice.pick(&["{{/* c */}}", "{{- /* c */ -}}", "{{\"{{\"}}"])),
        }
    }

    fn action(&mut self, depth: usize, body: impl FnOnce(&mut Self, usize) -> String) {
        let body = body(self, depth.min(2));
        let left = self.dice.pick(&["{{", "{{", "{{ ", "{{- "]);
        let right = self.dice.pick(&["}}", "}}", " }}", " -}}"]);
        self.out.push_str(left);
        self.out.push_str(&body);
        self.out.push_str(right);
    }

    fn declaration(&mut self, depth: usize) {
        let known = self.variable();
        self.action(depth, |g, depth| {
            let value = g.pipeline(depth);
            match known {
                Some(name) if g.dice.one_in(2) => format!("{name} = {value}"),
                _ => {
                    let name = format!("$v{}", g.variables.iter().map(Vec::len).sum::<usize>());
                    g.variables.last_mut().expect("a scope is open").push(name.clone());
                    format!("{name} := {value}")
                }
            }
        });
    }

    fn variable(&mut self) -> Option<String> {
        let all: Vec<&String> = self.variables.iter().flatten().collect();
        if all.is_empty() { None } else { Some(all[self.dice.below(all.len())].clone()) }
    }

    fn block(&mut self, depth: usize) {
        self.variables.push(Vec::new());
        for _ in 0..=self.dice.below(2) {
            self.piece(depth - 1);
        }
        self.variables.pop();
    }

    fn control(&mut self, word: &'static str, depth: usize) {
        self.variables.push(Vec::new());
        self.action(depth, |g, depth| {
            let value = g.pipeline(depth);
            if g.dice.one_in(5) {
                g.variables.last_mut().expect("a scope is open").push("$w".into());
                format!("{word} $w := {value}")
            } else {
                format!("{word} {value}")
            }
        });
        self.block(depth);
        if self.dice.one_in(4) {
            self.action(depth, |g, depth| format!("else {word} {}", g.pipeline(depth)));
            self.block(depth);
        }
        if self.dice.one_in(2) {
            self.out.push_str("{{else}}");
            self.block(depth);
        }
        self.variables.pop();
        self.out.push_str("{{end}}");
    }

    fn range(&mut self, depth: usize) {
        self.variables.push(Vec::new());
        self.action(depth, |g, depth| {
            let subject = if g.dice.one_in(3) {
                g.pipeline(depth)
            } else {
                g.dice
                    .pick(&[
                        ".list",
                        ".ints",
                        ".map",
                        ".empty",
                        ".none",
                        ".nil",
                        "3",
                        ".n",
                        ".s",
                        "$.list",
                        ".rec.Tags",
                        ".deep",
                        "$.map",
                        ".f",
                        "0",
                    ])
                    .to_owned()
            };
            let head = match g.dice.below(5) {
                0 => "$e := ",
                1 => "$i, $e := ",
                _ => return format!("range {subject}"),
            };
            let names: Vec<String> = head.trim_end_matches(" := ").split(", ").map(str::to_owned).collect();
            g.variables.last_mut().expect("a scope is open").extend(names);
            format!("range {head}{subject}")
        });
        self.loops += 1;
        self.block(depth);
        if self.dice.one_in(4) {
            self.out.push_str(self.dice.pick(&[
                "{{break}}",
                "{{continue}}",
                "{{if .}}{{break}}{{end}}",
                "{{if eq . 1}}{{continue}}{{end}}x",
            ]));
        }
        self.loops -= 1;
        if self.dice.one_in(3) {
            self.out.push_str("{{else}}");
            self.block(depth);
        }
        self.variables.pop();
        self.out.push_str("{{end}}");
    }

    fn definition(&mut self, i: usize) {
        self.out.push_str(&format!("{{{{define \"d{i}\"}}}}"));
        self.variables = vec![Vec::new()];
        let (defined, kind) = (self.defined, self.dice.below(3));
        match kind {
            0 => self.out.push_str("<{{.}}>"),
            1 => self.action(2, Self::pipeline),
            _ if i + 1 < defined => self.out.push_str(&format!("{{{{template \"d{}\" .}}}}", i + 1)),
            _ => self.out.push_str("{{range .}}{{.}},{{end}}"),
        }
        self.out.push_str("{{end}}");
    }

    fn pipeline(&mut self, depth: usize) -> String {
        let mut out = self.command(depth);
        for _ in 0..[0, 0, 0, 1, 1, 2][self.dice.below(6)] {
            out.push_str(self.dice.pick(&[" | ", "|"]));
            let next = if self.dice.one_in(3) { self.call(depth) } else { self.dice.pick(SINKS).to_owned() };
            out.push_str(&next);
        }
        out
    }

    fn command(&mut self, depth: usize) -> String {
        match self.dice.below(4) {
            0 if depth > 0 => self.call(depth),
            // In a loop the dot is something else.
            1 | 2 if self.loops == 0 => self.dice.pick(SAFE).to_owned(),
            1 | 2 => self.dice.pick(SAFE).replace(" .", " $."),
            _ => self.operand(depth),
        }
    }

    fn call(&mut self, depth: usize) -> String {
        if self.dice.one_in(5) {
            return self.printf(depth);
        }
        let table = match (self.funcs, self.dice.below(3)) {
            ("test", 0) => TESTS,
            ("sprig", 0 | 1) => SPRIG,
            _ => BUILTINS,
        };
        let (name, least, most) = table[self.dice.below(table.len())];
        let count = least + self.dice.below(most - least + 1);
        let mut out = name.to_owned();
        for _ in 0..count {
            out.push(' ');
            out.push_str(&self.operand(depth));
        }
        // The order of keys is Go's secret.
        if name == "keys" { format!("{out} | sortAlpha") } else { out }
    }

    fn printf(&mut self, depth: usize) -> String {
        let mut format = String::new();
        let mut arguments = String::new();
        for _ in 0..=self.dice.below(2) {
            format.push_str(self.dice.pick(&["", "a", " ", "%% ", "é"]));
            format.push('%');
            format.push_str(self.dice.pick(FLAGS));
            format.push_str(self.dice.pick(VERBS));
            if !self.dice.one_in(8) {
                arguments.push(' ');
                arguments.push_str(&self.operand(depth));
            }
        }
        format!("printf \"{format}\"{arguments}")
    }

    fn operand(&mut self, depth: usize) -> String {
        match self.dice.below(if depth == 0 { 9 } else { 10 }) {
            0..3 => self.dice.pick(FIELDS).to_owned(),
            3 if self.dice.one_in(2) => self.dice.pick(CHAINS).to_owned(),
            3 | 4 if self.loops > 0 => ".".to_owned(),
            3 | 4 => self.dice.pick(FIELDS).to_owned(),
            5 | 6 => self.dice.pick(LITERALS).to_owned(),
            7 => match self.variable() {
                Some(name) => format!("{name}{}", self.dice.pick(&["", "", "", ".a", ".Name"])),
                None => ".".to_owned(),
            },
            8 => ".".to_owned(),
            _ => format!("({}){}", self.pipeline(depth - 1), self.dice.pick(&["", "", "", ".a", ".x.y"])),
        }
    }
}
