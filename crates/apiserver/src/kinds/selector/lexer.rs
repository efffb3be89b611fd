//! Tokens of label selectors. `in` and `notin` are operators only where an operator may stand: elsewhere they are
//! ordinary identifiers, since labels may be called so.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Identifier,
    In,
    NotIn,
    Equals,
    NotEquals,
    Greater,
    Less,
    Not,
    Open,
    Close,
    Comma,
    End,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Values,
    KeyAndOperator,
}

pub(super) struct Parser<'a> {
    rest: &'a str,
    ahead: Option<(Token, &'a str)>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, ahead: None }
    }

    pub(super) fn peek(&mut self, context: Context) -> (Token, String) {
        let (token, literal) = self.ahead.unwrap_or_else(|| self.scan());
        self.ahead = Some((token, literal));
        (in_context(token, context), literal.to_owned())
    }

    pub(super) fn take(&mut self, context: Context) -> (Token, String) {
        let found = self.peek(context);
        self.ahead = None;
        found
    }

    fn scan(&mut self) -> (Token, &'a str) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let special = |c: char| "=!(),<>".contains(c);
        let Some(first) = self.rest.chars().next() else { return (Token::End, "") };
        if !special(first) {
            let end = self.rest.find(|c: char| special(c) || " \t\r\n".contains(c)).unwrap_or(self.rest.len());
            let literal = self.cut(end);
            let token = match literal {
                "in" => Token::In,
                "notin" => Token::NotIn,
                _ => Token::Identifier,
            };
            return (token, literal);
        }
        for (symbol, token) in [
            ("==", Token::Equals),
            ("!=", Token::NotEquals),
            ("=", Token::Equals),
            ("!", Token::Not),
            ("(", Token::Open),
            (")", Token::Close),
            (",", Token::Comma),
            (">", Token::Greater),
            ("<", Token::Less),
        ] {
            if self.rest.starts_with(symbol) {
                return (token, self.cut(symbol.len()));
            }
        }
        (Token::Unknown, self.cut(first.len_utf8()))
    }

    fn cut(&mut self, at: usize) -> &'a str {
        let (literal, rest) = self.rest.split_at(at);
        self.rest = rest;
        literal
    }
}

fn in_context(token: Token, context: Context) -> Token {
    match (token, context) {
        (Token::In | Token::NotIn, Context::Values) => Token::Identifier,
        _ => token,
    }
}
