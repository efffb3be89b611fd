//! Go's regular expression syntax into the `regex` crate's.
//!
//! Role: both descend from RE2, and a translation can be exact. What differs: in Go, `\d`, `\w`, `\s`, `\b` and POSIX classes are ASCII;
//! `[` inside of a class, `{` without a count and most escapes mean themselves; `\Q…\E` quotes; there is no `x` flag; classes know no set
//! operations. Invariant: a pattern that Go refuses is refused with Go's message.

use crate::func::FuncError;

/// A repetition may ask for that many copies, nested ones for their product.
const MAX_REPEAT: u32 = 1000;
/// Go's bound on nested groups.
const MAX_NESTING: usize = 1000;

const DIGITS: &str = "0-9";
const WORDS: &str = "0-9A-Za-z_";
const SPACES: &str = r"\t\n\x0c\r\x20";

/// The pattern as the `regex` crate reads it.
pub(super) fn translate(pattern: &[u8]) -> Result<String, FuncError> {
    let text = std::str::from_utf8(pattern).map_err(|_| error("invalid UTF-8", &String::from_utf8_lossy(pattern)))?;
    Translator { text, at: 0, out: String::with_capacity(text.len()), open: Vec::new() }.run()
}

/// A pattern in a message, quoted as Go does: with backquotes where possible.
pub(super) fn quoted(pattern: &[u8]) -> String {
    if !pattern.contains(&b'`')
        && pattern.iter().all(|b| *b >= 0x20 && *b != 0x7f || *b == b'\t')
        && str::from_utf8(pattern).is_ok()
    {
        format!("`{}`", String::from_utf8_lossy(pattern))
    } else {
        crate::gofmt::quote(pattern)
    }
}

fn error(what: &str, part: &str) -> FuncError {
    format!("error parsing regexp: {what}: `{part}`").into()
}

/// How often what was just read is repeated at most, when repetitions nest.
#[derive(Clone, Copy)]
struct Term {
    repeat: u32,
}

struct Translator<'p> {
    text: &'p str,
    at: usize,
    out: String,
    /// For each open group the largest repetition in it.
    open: Vec<u32>,
}

impl<'p> Translator<'p> {
    fn rest(&self) -> &'p str {
        &self.text[self.at..]
    }

    fn run(mut self) -> Result<String, FuncError> {
        let mut names: Vec<&str> = Vec::new();
        // The term that a repetition would apply to, and the repetition that ended just before.
        let mut term: Option<Term> = None;
        let mut last_repetition: Option<usize> = None;
        let mut largest = 1;
        while let Some(c) = self.rest().chars().next() {
            let start = self.at;
            let mut repetition = None;
            match c {
                '(' => {
                    if self.open.len() >= MAX_NESTING {
                        return Err(error("expression nests too deeply", self.text));
                    }
                    if self.rest().starts_with("(?") {
                        if self.group_flags(&mut names)? {
                            self.open.push(largest);
                            largest = 1;
                        }
                    } else {
                        self.open.push(largest);
                        largest = 1;
                        self.take(1);
                    }
                    term = None;
                }
                ')' => {
                    let Some(outer) = self.open.pop() else { return Err(error("unexpected )", self.text)) };
                    term = Some(Term { repeat: largest });
                    largest = largest.max(outer);
                    self.take(1);
                }
                '|' => {
                    term = None;
                    self.take(1);
                }
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.out.push(c);
                    self.repetition(start, term, last_repetition)?;
                    repetition = Some(start);
                }
                '{' => match self.count()? {
                    None => {
                        self.at += 1;
                        self.out.push_str(r"\{");
                        term = Some(Term { repeat: 1 });
                    }
                    Some((low, high)) => {
                        self.repetition(start, term, last_repetition)?;
                        let most = high.unwrap_or(low).max(low).max(1);
                        let total = most.saturating_mul(term.map_or(1, |t| t.repeat));
                        if total > MAX_REPEAT {
                            return Err(error("invalid repeat count", &self.text[start..self.at]));
                        }
                        term = Some(Term { repeat: total });
                        largest = largest.max(total);
                        repetition = Some(start);
                    }
                },
                '[' => {
                    self.class()?;
                    term = Some(Term { repeat: 1 });
                }
                '\\' => {
                    // An empty quotation is no term.
                    if self.escape()? {
                        term = Some(Term { repeat: 1 });
                    }
                }
                '^' | '$' | '.' => {
                    self.take(1);
                    term = Some(Term { repeat: 1 });
                }
                _ => {
                    self.at += c.len_utf8();
                    literal(&mut self.out, c);
                    term = Some(Term { repeat: 1 });
                }
            }
            last_repetition = repetition;
        }
        if self.open.is_empty() { Ok(self.out) } else { Err(error("missing closing )", self.text)) }
    }

    fn take(&mut self, bytes: usize) {
        self.out.push_str(&self.text[self.at..self.at + bytes]);
        self.at += bytes;
    }

    /// After a repetition's own characters: its laziness, and whether there was something to repeat.
    fn repetition(&mut self, start: usize, term: Option<Term>, last: Option<usize>) -> Result<(), FuncError> {
        if self.rest().starts_with('?') {
            self.take(1);
        }
        if let Some(before) = last {
            return Err(error("invalid nested repetition operator", &self.text[before..self.at]));
        }
        if term.is_none() {
            return Err(error("missing argument to repetition operator", &self.text[start..self.at]));
        }
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,5}`; anything else is a literal brace.
    fn count(&mut self) -> Result<Option<(u32, Option<u32>)>, FuncError> {
        let Some(end) = self.rest().find('}') else { return Ok(None) };
        let whole = &self.rest()[..=end];
        let body = &whole[1..end];
        let (low, high) = body.split_once(',').map_or((body, None), |(low, high)| (low, Some(high)));
        let number = |s: &str| -> Option<u32> {
            let digits =
                !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()) && (s.len() == 1 || !s.starts_with('0'));
            digits.then(|| s.parse().unwrap_or(u32::MAX))
        };
        let Some(low) = number(low) else { return Ok(None) };
        let high = match high {
            None => Some(low),
            Some("") => None,
            Some(high) => match number(high) {
                Some(high) => Some(high),
                None => return Ok(None),
            },
        };
        if low > MAX_REPEAT || high.is_some_and(|high| high > MAX_REPEAT || low > high) {
            return Err(error("invalid repeat count", whole));
        }
        self.take(whole.len());
        Ok(Some((low, high)))
    }

    /// `(?flags)`, `(?flags:`, `(?P<name>`, `(?<name>`. Whether that opened a group.
    #[expect(clippy::similar_names, reason = "the name of a group, and the names so far")]
    fn group_flags(&mut self, names: &mut Vec<&'p str>) -> Result<bool, FuncError> {
        let rest = self.rest();
        let named = ["(?P<", "(?<"].into_iter().find(|prefix| rest.starts_with(prefix));
        if let Some(prefix) = named.filter(|p| !(*p == "(?<" && rest[3..].starts_with(['=', '!']))) {
            let Some(end) = rest.find('>') else { return Err(error("invalid named capture", rest)) };
            let name = &rest[prefix.len()..end];
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(error("invalid named capture", &rest[..=end]));
            }
            if names.contains(&name) {
                return Err(error("duplicate capture group name", name));
            }
            names.push(name);
            // A name may begin with a digit in Go, so every name gets a letter before it; it is looked up by position.
            self.out.push_str("(?P<");
            self.out.push_str(name);
            self.out.push('>');
            self.at += end + 1;
            return Ok(true);
        }
        let mut negated = false;
        let mut any_flag = false;
        for (i, c) in rest.char_indices().skip(2) {
            match c {
                'i' | 'm' | 's' | 'U' => any_flag = true,
                '-' if !negated => {
                    negated = true;
                    any_flag = false;
                }
                ':' | ')' if !negated || any_flag => {
                    self.take(i + 1);
                    // `(?)` is nothing to the other crate's mind.
                    if c == ')' && i == 2 {
                        self.out.truncate(self.out.len() - 3);
                    }
                    return Ok(c == ':');
                }
                _ => return Err(error("invalid or unsupported Perl syntax", &rest[..i + c.len_utf8()])),
            }
        }
        Err(error("missing closing )", self.text))
    }

    /// A backslash outside of a class. Whether it made a term.
    fn escape(&mut self) -> Result<bool, FuncError> {
        let rest = self.rest();
        let Some(c) = rest[1..].chars().next() else {
            return Err(error("trailing backslash at end of expression", ""));
        };
        match c {
            'A' | 'z' => self.take(2),
            'b' | 'B' => {
                self.at += 2;
                self.out.push_str(if c == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
            }
            'C' => return Err(error("invalid escape sequence", r"\C")),
            'Q' => {
                let (quotation, next) = rest[2..].split_once(r"\E").unwrap_or((&rest[2..], ""));
                for c in quotation.chars() {
                    literal(&mut self.out, c);
                }
                self.at = self.text.len() - next.len();
                return Ok(!quotation.is_empty());
            }
            _ => {
                if let Some((set, negated)) = perl_class(c) {
                    self.at += 2;
                    self.out.push_str(if negated { "[^" } else { "[" });
                    self.out.push_str(set);
                    self.out.push(']');
                } else if matches!(c, 'p' | 'P') {
                    let class = self.unicode_class()?;
                    self.out.push_str(&class);
                } else {
                    let c = self.character_escape()?;
                    literal(&mut self.out, c);
                }
            }
        }
        Ok(true)
    }

    /// `\pL`, `\p{Greek}`, `\P{^Lu}`.
    fn unicode_class(&mut self) -> Result<String, FuncError> {
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

    /// One character after a backslash, in or outside of a class.
    fn character_escape(&mut self) -> Result<char, FuncError> {
        let rest = self.rest();
        let mut chars = rest[1..].chars();
        let Some(c) = chars.next() else { return Err(error("trailing backslash at end of expression", "")) };
        let invalid = |end: usize| error("invalid escape sequence", &rest[..end]);
        let simple = |bytes: usize, c: char| Ok((bytes, c));
        let (bytes, character) = match c {
            '1'..='7' if !rest[2..].starts_with(|c: char| ('0'..='7').contains(&c)) => Err(invalid(2)),
            '0'..='7' => {
                let digits = rest[1..].bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let code = u32::from_str_radix(&rest[1..=digits], 8).unwrap_or(0);
                simple(1 + digits, char::from_u32(code).unwrap_or('\0'))
            }
            'x' => {
                let body = &rest[2..];
                if let Some(braced) = body.strip_prefix('{') {
                    let digits = braced.bytes().take_while(u8::is_ascii_hexdigit).count();
                    let code = u32::from_str_radix(&braced[..digits], 16).ok().and_then(char::from_u32);
                    let closed = braced[digits..].starts_with('}');
                    let shown = 3 + digits + braced[digits..].chars().next().map_or(0, char::len_utf8);
                    code.filter(|_| closed).map(|c| (4 + digits, c)).ok_or_else(|| invalid(shown))
                } else {
                    let digits = body.bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
                    let shown = 2 + body.chars().take(digits + 1).map(char::len_utf8).sum::<usize>();
                    let code = (digits == 2).then(|| u32::from_str_radix(&body[..2], 16).ok()).flatten();
                    code.and_then(char::from_u32).map(|c| (4, c)).ok_or_else(|| invalid(shown))
                }
            }
            'a' => simple(2, '\x07'),
            'f' => simple(2, '\x0c'),
            'n' => simple(2, '\n'),
            'r' => simple(2, '\r'),
            't' => simple(2, '\t'),
            'v' => simple(2, '\x0b'),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => simple(2, c),
            c => Err(invalid(1 + c.len_utf8())),
        }?;
        self.at += bytes;
        Ok(character)
    }

    fn class(&mut self) -> Result<(), FuncError> {
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
                return Err(error("invalid character class range", &rest[..=next]));
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
fn perl_class(c: char) -> Option<(&'static str, bool)> {
    let set = match c.to_ascii_lowercase() {
        'd' => DIGITS,
        's' => SPACES,
        'w' => WORDS,
        _ => return None,
    };
    Some((set, c.is_ascii_uppercase()))
}

/// A character that means itself, wherever it stands.
fn literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_control()) {
        out.push(c);
    } else {
        use std::fmt::Write as _;
        let _ = write!(out, r"\x{{{:X}}}", u32::from(c));
    }
}
