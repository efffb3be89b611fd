//! Character classes of Go's regular expressions. Role: the part of [`super::regex_syntax`] between brackets, and classes by name.
//!
//! Invariant: what is in a class is written as code points and names that the `regex` crate cannot take for one of its set operations.

use crate::func::FuncError;

use super::regex_syntax::{Translator, error, literal};

const DIGITS: &str = "0-9";
const WORDS: &str = "0-9A-Za-z_";
const SPACES: &str = r"\t\n\x0c\r\x20";

impl Translator<'_> {
    /// `\pL`, `\p{Greek}`, `\P{^Lu}`.
    pub(super) fn unicode_class(&mut self) -> Result<String, FuncError> {
        let rest = self.rest();
        let end = if rest[2..].starts_with('{') {
            rest.find('}').map(|i| i + 1).ok_or_else(|| error("invalid character class range", rest))?
        } else {
            2 + rest[2..].chars().next().map_or(0, char::len_utf8)
        };
        let whole = &rest[..end];
        let name = whole[2..].trim_start_matches('{').trim_end_matches('}');
        let (caret, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
        let negated = caret != whole.starts_with(r"\P");
        let invalid = || error("invalid character class range", whole);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(invalid());
        }
        let class = match (name, negated) {
            ("Any", false) => r"[\x{0}-\x{10FFFF}]".to_owned(),
            ("Any", true) => "[a&&b]".to_owned(),
            _ => format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' }),
        };
        // Go knows general categories and scripts by their exact names only.
        let exact = name.len() <= 2 || name.starts_with(|c: char| c.is_ascii_uppercase());
        if !exact || regex::Regex::new(&class).is_err() {
            return Err(invalid());
        }
        self.at += end;
        Ok(class)
    }

    pub(super) fn class(&mut self) -> Result<(), FuncError> {
        let from = self.rest();
        let missing = || error("missing closing ]", from);
        self.take(1);
        if self.rest().starts_with('^') {
            self.take(1);
        }
        let mut first = true;
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else { return Err(missing()) };
            if c == ']' && !first {
                self.take(1);
                return Ok(());
            }
            // A hyphen stands for itself only at the ends.
            if c == '-' && !first && !rest.starts_with("-]") {
                let next = rest[1..].chars().next().map_or(0, char::len_utf8);
                return Err(error("invalid character class range", &rest[..1 + next]));
            }
            first = false;
            if rest.starts_with("[:")
                && let Some(end) = rest[2..].find(":]")
            {
                self.posix_class(&rest[..end + 4])?;
                continue;
            }
            if let Some(c) = rest.strip_prefix('\\').and_then(|r| r.chars().next()) {
                if let Some((set, negated)) = perl_class(c) {
                    self.at += 2;
                    self.out.push_str(if negated { "[^" } else { "[" });
                    self.out.push_str(set);
                    self.out.push(']');
                    continue;
                }
                if matches!(c, 'p' | 'P') {
                    let class = self.unicode_class()?;
                    self.out.push_str(&class);
                    continue;
                }
            }
            let low = self.class_character(from)?;
            let mut high = low;
            if self.rest().starts_with('-') && !self.rest().starts_with("-]") && self.rest().len() > 1 {
                self.at += 1;
                high = self.class_character(from)?;
            }
            if high < low {
                let length = rest.len() - self.rest().len();
                return Err(error("invalid character class range", &rest[..length]));
            }
            literal(&mut self.out, low);
            if high > low {
                self.out.push('-');
                literal(&mut self.out, high);
            }
        }
    }

    fn class_character(&mut self, from: &str) -> Result<char, FuncError> {
        match self.rest().chars().next() {
            None => Err(error("missing closing ]", from)),
            Some('\\') => self.character_escape(),
            Some(c) => {
                self.at += c.len_utf8();
                Ok(c)
            }
        }
    }

    /// `[:alpha:]`, `[:^alpha:]`.
    fn posix_class(&mut self, whole: &str) -> Result<(), FuncError> {
        const CLASSES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
            "word", "xdigit",
        ];
        let name = &whole[2..whole.len() - 2];
        if !CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(error("invalid character class range", whole));
        }
        self.take(whole.len());
        Ok(())
    }
}

/// `\d`, `\s`, `\w` and their opposites: always ASCII.
pub(super) fn perl_class(c: char) -> Option<(&'static str, bool)> {
    let set = match c.to_ascii_lowercase() {
        'd' => DIGITS,
        's' => SPACES,
        'w' => WORDS,
        _ => return None,
    };
    Some((set, c.is_ascii_uppercase()))
}
