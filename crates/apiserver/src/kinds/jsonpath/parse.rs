//! The grammar of paths. Input comes from `CustomResourceDefinitions`: errors name what stood where, nothing panics, and
//! nesting of filters is bounded.

use serde_json::Value;

use super::{Comparison, Filter, JsonPath, Operand, Step};

/// Filters inside filters: more than anyone writes, far from any stack limit.
const MAX_DEPTH: usize = 8;

pub(super) fn path(text: &str) -> Result<JsonPath, String> {
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    let mut p = Reader { rest: inner.trim(), depth: 0 };
    p.eat("$");
    let steps = p.steps()?;
    if p.rest.is_empty() { Ok(JsonPath { steps }) } else { Err(format!("unexpected {:?}", p.rest)) }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn eat(&mut self, prefix: &str) -> bool {
        self.rest.strip_prefix(prefix).is_some_and(|rest| {
            self.rest = rest;
            true
        })
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        self.space();
        if self.eat(token) { Ok(()) } else { Err(format!("expected {token:?} before {:?}", self.rest)) }
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if self.eat("..") {
                steps.push(Step::Descend);
                if !self.rest.starts_with('[') {
                    steps.push(self.field()?);
                }
            } else if self.rest.starts_with('[') {
                steps.push(self.bracket()?);
            } else if self.eat(".") {
                // "." alone is the object itself, and "$.['a']" has a dot before its bracket.
                if !self.rest.is_empty() && !self.rest.starts_with('[') {
                    steps.push(self.field()?);
                }
            } else {
                return Ok(steps);
            }
        }
    }

    fn field(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            return Ok(Step::Each);
        }
        let mut name = String::new();
        let mut chars = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
                '.' | '[' | ']' | '(' | ')' | '=' | '!' | '<' | '>' | ',' | '{' | '}' | '"' | '\'' | '*' | '$' => {
                    end = i;
                    break;
                }
                c if c.is_whitespace() => {
                    end = i;
                    break;
                }
                c => name.push(c),
            }
        }
        self.rest = &self.rest[end..];
        if name.is_empty() {
            Err(format!("expected a field name before {:?}", self.rest))
        } else {
            Ok(Step::Field(name))
        }
    }

    fn bracket(&mut self) -> Result<Step, String> {
        self.expect("[")?;
        self.space();
        if self.eat("?(") {
            let filter = self.filter()?;
            self.expect(")")?;
            self.expect("]")?;
            return Ok(Step::Filter(Box::new(filter)));
        }
        let mut steps = Vec::new();
        loop {
            self.space();
            steps.push(self.member()?);
            self.space();
            if !self.eat(",") {
                break;
            }
        }
        self.expect("]")?;
        Ok(if steps.len() == 1 { steps.remove(0) } else { Step::Union(steps) })
    }

    fn member(&mut self) -> Result<Step, String> {
        if self.eat("*") {
            return Ok(Step::Each);
        }
        if self.rest.starts_with(['"', '\'']) {
            return Ok(Step::Field(self.quoted()?));
        }
        let start = self.integer()?;
        if !self.eat(":") {
            return start.map(Step::Index).ok_or_else(|| format!("invalid array index before {:?}", self.rest));
        }
        let end = self.integer()?;
        let step = if self.eat(":") { self.integer()?.unwrap_or(1) } else { 1 };
        if step <= 0 {
            return Err("the step of a slice must be positive".into());
        }
        Ok(Step::Slice { start, end, step })
    }

    fn integer(&mut self) -> Result<Option<i64>, String> {
        let sign = usize::from(self.rest.starts_with('-'));
        let digits = self.rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return if sign == 0 { Ok(None) } else { Err(format!("invalid array index {:?}", self.rest)) };
        }
        let (number, rest) = self.rest.split_at(sign + digits);
        self.rest = rest;
        number.parse().map(Some).map_err(|_| format!("array index {number} is too large"))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut chars = self.rest.char_indices();
        let Some((_, quote)) = chars.next() else { return Err("expected a quoted text".into()) };
        let mut out = String::new();
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => out.extend(chars.next().map(|(_, escaped)| escaped)),
                c if c == quote => {
                    self.rest = &self.rest[i + c.len_utf8()..];
                    return Ok(out);
                }
                c => out.push(c),
            }
        }
        Err("unterminated quoted text".into())
    }

    fn filter(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("filters are nested too deep".into());
        }
        let left = self.operand()?;
        self.space();
        let comparison = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Different),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ]
        .into_iter()
        .find_map(|(text, c)| self.eat(text).then_some(c));
        let right = match comparison {
            Some(c) => Some((c, self.operand()?)),
            None => None,
        };
        self.depth -= 1;
        Ok(Filter { left, right })
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.space();
        if self.eat("@") {
            return Ok(Operand::Path(JsonPath { steps: self.steps()? }));
        }
        if self.rest.starts_with(['"', '\'']) {
            return Ok(Operand::Literal(Value::String(self.quoted()?)));
        }
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        match serde_json::from_str(word) {
            Ok(v @ (Value::Bool(_) | Value::Number(_))) => {
                self.rest = rest;
                Ok(Operand::Literal(v))
            }
            _ => Err(format!("expected a path or a value before {:?}", self.rest)),
        }
    }
}
