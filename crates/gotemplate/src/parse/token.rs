//! Tokens. Role: what the lexer gives the parser; a token is a place in the source and no copy of it.

use super::node::Span;
use crate::runes;

/// Small, because it is copied at every turn of the look-ahead.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Token {
    pub(super) kind: Kind,
    start: u32,
    end: u32,
    line: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Error,
    Bool,
    /// Punctuation such as the comma.
    Other,
    Char,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Block
                | Self::Break
                | Self::Continue
                | Self::Dot
                | Self::Define
                | Self::Else
                | Self::End
                | Self::If
                | Self::Nil
                | Self::Range
                | Self::Template
                | Self::With
        )
    }
}

impl Token {
    /// The text is known to be shorter than 4 GiB.
    pub(super) fn new(kind: Kind, start: usize, end: usize, line: usize) -> Self {
        let narrow = |n| u32::try_from(n).unwrap_or(u32::MAX);
        Self { kind, start: narrow(start), end: narrow(end), line: narrow(line) }
    }

    pub(super) fn pos(&self) -> u32 {
        self.start
    }

    pub(super) fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn line(&self) -> usize {
        self.line as usize
    }

    pub(super) fn text<'s>(&self, source: &'s [u8]) -> &'s [u8] {
        self.span().of(source)
    }

    /// The token as error messages show it.
    pub(super) fn describe(&self, source: &[u8], error: &str) -> String {
        let text = self.text(source);
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => error.to_owned(),
            kind if kind.is_keyword() => format!("<{}>", String::from_utf8_lossy(text)),
            _ if text.len() > 10 => {
                let cut = runes::iter(text).nth(10).map_or(text, |(at, ..)| &text[..at]);
                format!("{}...", crate::gofmt::quote(cut))
            }
            _ => crate::gofmt::quote(text),
        }
    }
}
