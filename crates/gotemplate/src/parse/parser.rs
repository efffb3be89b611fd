//! The parser's state and the top level of a text.
//!
//! Every definition is a tree with variables and look-ahead of its own, read from the one lexer: a [`Scope`] is what changes with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lex::Lexer;
use super::node::{Node, NodeKind, Tree};
use super::scan::is_space;
use super::token::{Kind, Token};
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::value::Str;

/// The deepest nesting that any limit allows: what the stack of a thread of 2 MiB can hold with room to spare.
const HARD_DEPTH: usize = 250;

/// The names of variables, which trees refer to by their place here.
pub(crate) type Names = Vec<Box<[u8]>>;

pub(super) type Parsed<T> = Result<T, Error>;

/// What a definition has of its own.
#[derive(Default)]
pub(super) struct Scope {
    /// Look-ahead of up to three tokens; the first is also the one whose line errors report.
    tokens: [Token; 3],
    peeked: usize,
    /// Names of the variables that are declared, by their place in `Parser::names`.
    pub(super) vars: Vec<u32>,
    /// The line of the action being parsed, 0 outside of actions.
    pub(super) action_line: usize,
    pub(super) range_depth: usize,
}

impl Scope {
    fn new() -> Self {
        // Place 0 among the names is `$`, which is always declared.
        Self { vars: vec![0], ..Self::default() }
    }
}

pub(super) struct Parser<'s> {
    pub(super) source: &'s [u8],
    pub(super) options: &'s Options,
    lexer: Lexer<'s>,
    name: Arc<str>,
    shared: Arc<[u8]>,
    pub(super) scope: Scope,
    pub(super) names: &'s mut Names,
    trees: BTreeMap<Str, Arc<Tree>>,
    depth: usize,
}

/// Parses a text into its trees by name, of which one is its own.
pub(crate) fn parse(
    name: &str,
    text: &[u8],
    options: &Options,
    names: &mut Names,
) -> Result<BTreeMap<Str, Arc<Tree>>, Error> {
    let shared: Arc<[u8]> = Arc::from(text);
    if u32::try_from(text.len()).is_err() {
        return Err(Error::unplaced(ErrorKind::Limit, name.to_owned(), "text exceeds the limit of 4 GiB".to_owned()));
    }
    let source = Arc::clone(&shared);
    let (left, right) = delimiters(options);
    let keyword = |word| options.funcs.get(word).is_none();
    let mut parser = Parser {
        source: &source,
        options,
        lexer: Lexer::new(&source, left.as_bytes(), right.as_bytes(), (keyword("break"), keyword("continue"))),
        name: Arc::from(name),
        shared,
        scope: Scope::new(),
        names,
        trees: BTreeMap::new(),
        depth: 0,
    };
    if parser.names.is_empty() {
        parser.names.push(Box::from(&b"$"[..]));
    }
    let root = parser.top()?;
    parser.add(Str::from(name), root)?;
    Ok(parser.trees)
}

fn delimiters(options: &Options) -> (&str, &str) {
    (options.left.as_deref().unwrap_or("{{"), options.right.as_deref().unwrap_or("}}"))
}

impl Parser<'_> {
    // Tokens.

    pub(super) fn next(&mut self) -> Token {
        if self.scope.peeked > 0 {
            self.scope.peeked -= 1;
            return self.scope.tokens[self.scope.peeked];
        }
        let token = self.lexer.token();
        self.scope.tokens[0] = token;
        token
    }

    pub(super) fn backup(&mut self) {
        self.scope.peeked += 1;
    }

    /// Takes back the token before the last one, which is still in its place.
    pub(super) fn backup2(&mut self, first: Token) {
        self.scope.tokens[1] = first;
        self.scope.peeked = 2;
    }

    pub(super) fn backup3(&mut self, first: Token, second: Token) {
        self.scope.tokens[1] = second;
        self.scope.tokens[2] = first;
        self.scope.peeked = 3;
    }

    pub(super) fn peek(&mut self) -> Token {
        let token = self.next();
        self.backup();
        token
    }

    pub(super) fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    pub(super) fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.backup();
        token
    }

    pub(super) fn text(&self, token: Token) -> &[u8] {
        token.text(self.source)
    }

    // Errors.

    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        Error::parse(self.name.to_string(), self.scope.tokens[0].line(), reason.into())
    }

    pub(super) fn unexpected(&self, token: Token, context: &str) -> Error {
        let shown = token.describe(self.source, &self.lexer.error);
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {shown} in {context}"));
        }
        let line = self.scope.action_line;
        if line == 0 || line == token.line() {
            return self.error(shown);
        }
        let action = if shown.ends_with(" action") { "" } else { " in action" };
        self.error(format!("{shown}{action} started at {}:{line}", self.name))
    }

    pub(super) fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(token, context)) }
    }

    /// Runs `f` one level deeper, as far as the limits allow.
    pub(super) fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let limit = self.options.limits.depth.min(HARD_DEPTH);
        if self.depth >= limit {
            let reason = format!("nesting exceeds the limit of {limit}");
            return Err(self.error(reason).with_kind(ErrorKind::Limit));
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    // Variables.

    /// The number of a variable's name.
    pub(super) fn intern(&mut self, name: &[u8]) -> u32 {
        let known = self.names.iter().position(|n| **n == *name).unwrap_or_else(|| {
            self.names.push(Box::from(name));
            self.names.len() - 1
        });
        u32::try_from(known).unwrap_or(u32::MAX)
    }

    // Trees.

    /// The whole text, outside of definitions.
    fn top(&mut self) -> Parsed<Vec<Node>> {
        let mut root = Vec::new();
        loop {
            let token = self.peek();
            match token.kind {
                Kind::Eof => return Ok(root),
                Kind::LeftDelim => {
                    let delimiter = self.next();
                    if self.next_non_space().kind == Kind::Define {
                        self.definition()?;
                        continue;
                    }
                    self.backup2(delimiter);
                }
                _ => {}
            }
            match self.text_or_action()? {
                Item::Node(node) => root.push(node),
                end => return Err(self.error(format!("unexpected {}", self.describe_end(&end)))),
            }
        }
    }

    fn definition(&mut self) -> Parsed<()> {
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let result = self.definition_body();
        self.scope = outer;
        result
    }

    fn definition_body(&mut self) -> Parsed<()> {
        let context = "define clause";
        let name = self.next_non_space();
        if !matches!(name.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(name, context));
        }
        let name = self.unquoted(name)?;
        self.expect(Kind::RightDelim, context)?;
        let (root, end) = self.item_list()?;
        if !matches!(end, Item::End) {
            return Err(self.error(format!("unexpected {} in {context}", self.describe_end(&end))));
        }
        self.add(name, root)
    }

    /// The body of a `block`, which is a definition in the middle of another.
    pub(super) fn block_body(&mut self, name: &Str, context: &str) -> Parsed<()> {
        let result = self.deeper(|p| {
            let outer = std::mem::replace(&mut p.scope, Scope::new());
            let body = p.item_list().and_then(|(root, end)| match end {
                Item::End => p.add(name.clone(), root).map(|()| None),
                end => Ok(Some(end)),
            });
            p.scope = outer;
            body
        });
        match result? {
            None => Ok(()),
            Some(end) => Err(self.error(format!("unexpected {} in {context}", self.describe_end(&end)))),
        }
    }

    /// Files a tree under its name. An empty one gives way to what is there, and is replaced without complaint.
    fn add(&mut self, name: Str, root: Vec<Node>) -> Parsed<()> {
        let empty = |tree: &Tree| is_empty(&tree.root, self.source);
        if self.trees.get(&name).is_some_and(|t| !empty(t)) {
            if is_empty(&root, self.source) {
                return Ok(());
            }
            let reason = format!("template: multiple definition of template {}", crate::gofmt::quote(&name));
            return Err(self.error(reason));
        }
        let (left, right) = delimiters(self.options);
        let tree = Tree {
            name: name.clone(),
            parse_name: Arc::clone(&self.name),
            source: Arc::clone(&self.shared),
            left: left.into(),
            right: right.into(),
            root,
        };
        self.trees.insert(name, Arc::new(tree));
        Ok(())
    }

    pub(super) fn unquoted(&self, token: Token) -> Parsed<Str> {
        match super::literal::unquote(self.text(token)) {
            Some(text) => Ok(text.into()),
            None => Err(self.error("invalid syntax")),
        }
    }

    /// An `end` or `else` as Go prints it.
    pub(super) fn describe_end(&self, item: &Item) -> String {
        let (left, right) = delimiters(self.options);
        format!("{left}{}{right}", if matches!(item, Item::End) { "end" } else { "else" })
    }
}

/// What a list is made of, and what ends it.
pub(super) enum Item {
    Node(Node),
    End,
    Else,
}

/// Whether there is nothing but white space, so that the tree does not count as a definition.
pub(crate) fn is_empty(root: &[Node], source: &[u8]) -> bool {
    root.iter().all(|node| match &node.kind {
        NodeKind::Text(span) => {
            let text = span.of(source);
            text.iter().all(|b| is_space(*b) || matches!(b, 0x0B | 0x0C))
                || std::str::from_utf8(text).is_ok_and(|t| t.trim().is_empty())
        }
        _ => false,
    })
}
