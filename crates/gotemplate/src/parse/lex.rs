//! The lexer: text and tokens, on demand.
//!
//! Role: tokens for the parser, with trimming and comments already dealt with. Invariants: the first error is the last token; a token's
//! line is the one it starts on. It lexes one token at a time because which error comes first, the lexer's or the parser's, is visible.

use super::scan::{MARKER, code_point, find, is_space, leading_space, left_marker, newlines, right_marker, trim_end};
use super::token::{Kind, Token};
use crate::runes;

pub(super) struct Lexer<'s> {
    input: &'s [u8],
    left: &'s [u8],
    right: &'s [u8],
    pos: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    inside: bool,
    /// Whether `break` and `continue` are keywords, which a function of that name prevents.
    break_is_keyword: bool,
    continue_is_keyword: bool,
    /// The message of the token of kind `Error`.
    pub(super) error: String,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(input: &'s [u8], left: &'s [u8], right: &'s [u8], keywords: (bool, bool)) -> Self {
        Self {
            input,
            left,
            right,
            pos: 0,
            start: 0,
            line: 1,
            start_line: 1,
            parens: 0,
            inside: false,
            break_is_keyword: keywords.0,
            continue_is_keyword: keywords.1,
            error: String::new(),
        }
    }

    /// The next token.
    pub(super) fn token(&mut self) -> Token {
        if self.inside { self.action() } else { self.text() }
    }

    fn rest(&self) -> &'s [u8] {
        self.input.get(self.pos..).unwrap_or_default()
    }

    /// The next character; `None` at the end.
    fn peek(&self) -> Option<u32> {
        match runes::decode(self.rest()) {
            (_, 0) => None,
            (rune, _) => Some(rune),
        }
    }

    fn next(&mut self) -> Option<u32> {
        let (rune, width) = runes::decode(self.rest());
        self.pos += width;
        if rune == u32::from(b'\n') {
            self.line += 1;
        }
        (width > 0).then_some(rune)
    }

    fn emit(&mut self, kind: Kind) -> Token {
        let token = Token::new(kind, self.start, self.pos, self.start_line);
        self.start = self.pos;
        self.start_line = self.line;
        token
    }

    /// Moves to `pos` past bytes that belong to no token.
    fn skip_to(&mut self, pos: usize) {
        self.pos = pos.min(self.input.len());
        self.line += newlines(&self.input[self.start..self.pos]);
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn fail(&mut self, message: impl Into<String>) -> Token {
        self.error = message.into();
        let token = Token::new(Kind::Error, self.start, self.start, self.start_line);
        self.input = &[];
        self.pos = 0;
        self.start = 0;
        self.inside = false;
        token
    }

    /// Text up to the next action that is not a comment.
    fn text(&mut self) -> Token {
        loop {
            let Some(at) = find(self.rest(), self.left) else {
                self.pos = self.input.len();
                if self.pos == self.start {
                    return self.emit(Kind::Eof);
                }
                self.line += newlines(&self.input[self.start..]);
                return self.emit(Kind::Text);
            };
            if at > 0 {
                let delimiter = self.pos + at;
                let mut end = delimiter;
                if left_marker(&self.input[delimiter + self.left.len()..]) {
                    end = self.start + trim_end(&self.input[self.start..delimiter]).len();
                }
                self.pos = end;
                self.line += newlines(&self.input[self.start..end]);
                let token = self.emit(Kind::Text);
                self.skip_to(delimiter);
                if !token.is_empty() {
                    return token;
                }
            }
            if let Some(token) = self.left_delimiter() {
                return token;
            }
        }
    }

    /// The left delimiter, or nothing if what it opens was a comment.
    fn left_delimiter(&mut self) -> Option<Token> {
        self.pos += self.left.len();
        let marker = if left_marker(self.rest()) { MARKER } else { 0 };
        if self.input[self.pos + marker..].starts_with(b"/*") {
            self.skip_to(self.pos + marker);
            return self.comment();
        }
        let token = self.emit(Kind::LeftDelim);
        self.inside = true;
        self.skip_to(self.pos + marker);
        self.parens = 0;
        Some(token)
    }

    fn comment(&mut self) -> Option<Token> {
        self.pos += 2;
        let Some(end) = find(self.rest(), b"*/") else { return Some(self.fail("unclosed comment")) };
        self.pos += end + 2;
        let Some(trim) = self.at_right() else { return Some(self.fail("comment ends before closing delimiter")) };
        let mut end = self.pos + self.right.len();
        if trim {
            end += MARKER;
            end += leading_space(&self.input[end..]);
        }
        self.skip_to(end);
        None
    }

    /// Whether a right delimiter is here, and whether it trims.
    fn at_right(&self) -> Option<bool> {
        let rest = self.rest();
        let first = rest.first()?;
        if Some(first) != self.right.first() && !is_space(*first) {
            return None;
        }
        if right_marker(rest) && rest[MARKER..].starts_with(self.right) {
            return Some(true);
        }
        rest.starts_with(self.right).then_some(false)
    }

    fn right_delimiter(&mut self) -> Token {
        let trim = self.at_right() == Some(true);
        if trim {
            self.skip_to(self.pos + MARKER);
        }
        self.pos += self.right.len();
        let token = self.emit(Kind::RightDelim);
        if trim {
            self.skip_to(self.pos + leading_space(self.rest()));
        }
        self.inside = false;
        token
    }

    /// The next token of an action.
    fn action(&mut self) -> Token {
        if self.at_right().is_some() {
            if self.parens == 0 {
                return self.right_delimiter();
            }
            return self.fail("unclosed left paren");
        }
        let before = (self.pos, self.line);
        let Some(rune) = self.next() else { return self.fail("unclosed action") };
        match u8::try_from(rune).unwrap_or(0) {
            b' ' | b'\t' | b'\r' | b'\n' => {
                (self.pos, self.line) = before;
                self.space()
            }
            b'=' => self.emit(Kind::Assign),
            b':' => {
                if self.next() == Some(u32::from(b'=')) {
                    self.emit(Kind::Declare)
                } else {
                    self.fail("expected :=")
                }
            }
            b'|' => self.emit(Kind::Pipe),
            b'"' => self.quoted(b'"', Kind::String, "unterminated quoted string"),
            b'\'' => self.quoted(b'\'', Kind::Char, "unterminated character constant"),
            b'`' => self.raw_string(),
            b'$' => self.field_or_variable(Kind::Variable),
            b'.' if !self.rest().first().is_some_and(u8::is_ascii_digit) => {
                // At the very end Go takes the dot for the start of a number.
                if self.rest().is_empty() {
                    self.pos = before.0;
                    return self.number();
                }
                self.field_or_variable(Kind::Field)
            }
            b'.' | b'+' | b'-' | b'0'..=b'9' => {
                self.pos = before.0;
                self.number()
            }
            _ if runes::is_alphanumeric(rune) => {
                self.pos = before.0;
                self.identifier()
            }
            b'(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            b')' if self.parens == 0 => self.fail("unexpected right paren"),
            b')' => {
                self.parens -= 1;
                self.emit(Kind::RightParen)
            }
            _ if rune < 0x80 && runes::is_print(rune) => self.emit(Kind::Other),
            _ => self.fail(format!("unrecognized character in action: {}", code_point(rune))),
        }
    }

    /// A run of spaces, of which the last may belong to a trimming right delimiter.
    fn space(&mut self) -> Token {
        let mut last = (self.pos, self.line);
        let mut count = 0;
        while self.rest().first().is_some_and(|b| is_space(*b)) {
            last = (self.pos, self.line);
            self.next();
            count += 1;
        }
        let from_last = &self.input[last.0..];
        if right_marker(from_last) && from_last[MARKER..].starts_with(self.right) {
            (self.pos, self.line) = last;
            if count == 1 {
                return self.right_delimiter();
            }
        }
        self.emit(Kind::Space)
    }

    fn identifier(&mut self) -> Token {
        self.alphanumerics();
        if let Some(bad) = self.not_terminated() {
            return bad;
        }
        let kind = match &self.input[self.start..self.pos] {
            b"true" | b"false" => Kind::Bool,
            b"block" => Kind::Block,
            b"break" if self.break_is_keyword => Kind::Break,
            b"continue" if self.continue_is_keyword => Kind::Continue,
            b"define" => Kind::Define,
            b"else" => Kind::Else,
            b"end" => Kind::End,
            b"if" => Kind::If,
            b"range" => Kind::Range,
            b"nil" => Kind::Nil,
            b"template" => Kind::Template,
            b"with" => Kind::With,
            _ => Kind::Identifier,
        };
        self.emit(kind)
    }

    /// The dot or dollar sign has been read.
    fn field_or_variable(&mut self, kind: Kind) -> Token {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Field { Kind::Dot } else { kind });
        }
        self.alphanumerics();
        self.not_terminated().unwrap_or_else(|| self.emit(kind))
    }

    fn alphanumerics(&mut self) {
        loop {
            let rest = self.rest();
            let ascii = rest.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(rest.len());
            self.pos += ascii;
            match self.peek() {
                Some(rune) if rune >= 0x80 && runes::is_alphanumeric(rune) => self.next(),
                _ => return,
            };
        }
    }

    fn not_terminated(&mut self) -> Option<Token> {
        if self.at_terminator() {
            return None;
        }
        let rune = self.peek().unwrap_or(runes::ERROR);
        Some(self.fail(format!("bad character {}", code_point(rune))))
    }

    /// Whether an identifier may end here.
    fn at_terminator(&self) -> bool {
        match self.rest().first() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'.' | b',' | b'|' | b':' | b')' | b'(') => true,
            Some(b) => Some(b) == self.right.first() && self.rest().starts_with(self.right),
        }
    }

    /// What is between quotes, escapes only skipped over. The opening quote has been read.
    fn quoted(&mut self, quote: u8, kind: Kind, unterminated: &str) -> Token {
        loop {
            let mut rune = self.next();
            if rune == Some(u32::from(quote)) {
                return self.emit(kind);
            }
            if rune == Some(u32::from(b'\\')) {
                rune = self.next();
            }
            if rune.is_none() || rune == Some(u32::from(b'\n')) {
                return self.fail(unterminated);
            }
        }
    }

    fn raw_string(&mut self) -> Token {
        loop {
            match self.next() {
                None => return self.fail("unterminated raw quoted string"),
                Some(rune) if rune == u32::from(b'`') => return self.emit(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Token {
        let mut kind = Kind::Number;
        let mut good = self.scan_number();
        if good && matches!(self.rest().first(), Some(b'+' | b'-')) {
            kind = Kind::Complex;
            good = self.scan_number() && self.input[..self.pos].ends_with(b"i");
        }
        if good {
            return self.emit(kind);
        }
        let text = &self.input[self.start..self.pos];
        self.fail(format!("bad number syntax: {}", crate::gofmt::quote(text)))
    }

    /// Scans what looks like a number; the parser finds out whether it is one.
    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let mut digits: &[u8] = b"0123456789_";
        if self.accept(b"0") {
            if self.accept(b"xX") {
                digits = b"0123456789abcdefABCDEF_";
            } else if self.accept(b"oO") {
                digits = b"01234567_";
            } else if self.accept(b"bB") {
                digits = b"01_";
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        if (digits.len() == 11 && self.accept(b"eE")) || (digits.len() == 23 && self.accept(b"pP")) {
            self.accept(b"+-");
            self.accept_run(b"0123456789_");
        }
        self.accept(b"i");
        if self.peek().is_some_and(runes::is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }

    fn accept(&mut self, valid: &[u8]) -> bool {
        let yes = self.rest().first().is_some_and(|b| valid.contains(b));
        self.pos += usize::from(yes);
        yes
    }

    fn accept_run(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }
}
