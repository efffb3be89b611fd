//! YAML with comments, for manifests.
//!
//! Role: a printer for JSON values only. Libraries print no comments, and here these are half of the point.
//!
//! Invariants:
//! - what is printed parses back to the value (a test holds it against a YAML parser);
//! - the order of keys is that of Kubernetes manifests and does not depend on the order in memory.

use serde_json::{Map, Value};

/// Keys that come first, in this order; the others follow by name.
const FIRST: [&str; 7] = ["apiVersion", "kind", "metadata", "name", "namespace", "type", "description"];
/// Where comments wrap.
const WIDTH: usize = 110;

/// A block mapping, with comments by JSON pointer.
pub(super) fn document(value: &Value, comments: &[(String, &'static str)]) -> String {
    let mut printer = Printer { text: String::new(), comments };
    printer.comment("", 0);
    match value {
        Value::Object(map) if !map.is_empty() => printer.mapping(map, "", 0, false),
        other => {
            printer.text.push_str(&scalar(other));
            printer.text.push('\n');
        }
    }
    printer.text
}

struct Printer<'a> {
    text: String,
    comments: &'a [(String, &'static str)],
}

impl Printer<'_> {
    fn mapping(&mut self, map: &Map<String, Value>, pointer: &str, indent: usize, mut in_line: bool) {
        for (key, value) in ordered(map) {
            let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            // The first key of a list's item shares the line of its dash; its comment stands above the item.
            if !in_line {
                self.comment(&pointer, indent);
                self.pad(indent);
            }
            in_line = false;
            self.text.push_str(&plain_or_quoted(key));
            self.text.push(':');
            self.nested(value, &pointer, indent);
        }
    }

    fn nested(&mut self, value: &Value, pointer: &str, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.text.push('\n');
                self.mapping(map, pointer, indent + 2, false);
            }
            Value::Array(items) if !items.is_empty() => {
                self.text.push('\n');
                self.sequence(items, pointer, indent);
            }
            other => {
                self.text.push(' ');
                self.text.push_str(&scalar(other));
                self.text.push('\n');
            }
        }
    }

    fn sequence(&mut self, items: &[Value], pointer: &str, indent: usize) {
        for (index, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            self.comment(&pointer, indent);
            self.pad(indent);
            self.text.push('-');
            match item {
                Value::Object(map) if !map.is_empty() => {
                    self.text.push(' ');
                    self.mapping(map, &pointer, indent + 2, true);
                }
                other => self.nested(other, &pointer, indent + 2),
            }
        }
    }

    fn comment(&mut self, pointer: &str, indent: usize) {
        let texts: Vec<&str> = self.comments.iter().filter(|(at, _)| at == pointer).map(|(_, text)| *text).collect();
        for text in texts {
            let mut line = String::new();
            for word in text.split_whitespace() {
                if !line.is_empty() && indent + line.len() + word.len() + 3 > WIDTH {
                    self.comment_line(&line, indent);
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            self.comment_line(&line, indent);
        }
    }

    fn comment_line(&mut self, line: &str, indent: usize) {
        self.pad(indent);
        self.text.push_str("# ");
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn pad(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }
}

fn ordered(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|(a, _), (b, _)| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    entries
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => plain_or_quoted(text),
        // Empty collections and the other scalars are the same in JSON and YAML.
        other => other.to_string(),
    }
}

/// A string that YAML 1.1 and 1.2 both read as this string when bare; otherwise quoted as in JSON, which is YAML too.
fn plain_or_quoted(text: &str) -> String {
    let bytes = text.as_bytes();
    let starts_well = bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'.'));
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b" ./_+()=-,;".contains(byte);
    let ends_well = bytes.last().is_some_and(|byte| *byte != b' ');
    // Words that some YAML reader takes for a boolean, null or number.
    let lower = text.to_ascii_lowercase();
    let is_word =
        ["true", "false", "yes", "no", "on", "off", "y", "n", "null", ".inf", ".nan"].contains(&lower.as_str());
    let is_numeric = bytes.first() == Some(&b'.') && bytes.get(1).is_some_and(u8::is_ascii_digit);
    if starts_well && ends_well && bytes.iter().all(is_safe) && !is_word && !is_numeric {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}
