//! The tree of a template.
//!
//! Invariants: nodes hold places in the source, not copies of it; functions are resolved and literals evaluated. A node's position is the
//! one Go reports, which is not always the first byte (`.a.b` is reported at `.b`).

use std::sync::Arc;

use crate::exec::Builtin;
use crate::func::Func;
use crate::value::{Str, Value};

/// A place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn of(self, source: &[u8]) -> &[u8] {
        source.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// One template: the text it is from and its tree.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The template's own name, as in `define`.
    pub(crate) name: Str,
    /// The name of the text, which error messages give with the line.
    pub(crate) parse_name: Arc<str>,
    pub(crate) source: Arc<[u8]>,
    pub(crate) left: Box<str>,
    pub(crate) right: Box<str>,
    pub(crate) root: Vec<Node>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) pos: u32,
    pub(crate) kind: NodeKind,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Text(Span),
    Action(Box<Pipe>),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<Call>),
    Break,
    Continue,

    Pipe(Box<Pipe>),
    Chain(Box<Chain>),
    Field(Fields),
    Variable(Box<Variable>),
    Identifier(Box<Identifier>),
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    String(Box<Literal>),
}

/// A pipeline. It is a node of its own to point errors at.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) assign: bool,
    pub(crate) decl: Vec<Variable>,
    pub(crate) first: Command,
    pub(crate) more: Vec<Command>,
}

impl Pipe {
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// An operand with its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) pos: u32,
    pub(crate) first: Node,
    pub(crate) args: Vec<Node>,
}

/// The names in `.a.b`. One is the rule, and needs no memory of its own.
#[derive(Debug)]
pub(crate) enum Fields {
    One(Span),
    Many(Box<[Span]>),
}

impl Fields {
    pub(crate) fn names(&self) -> &[Span] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Branch {
    /// Of the kind `Pipe`.
    pub(crate) pipe: Node,
    pub(crate) list: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: Str,
    /// Of the kind `Pipe`.
    pub(crate) pipe: Option<Node>,
}

#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) node: Node,
    pub(crate) fields: Box<[Span]>,
}

#[derive(Debug)]
pub(crate) struct Variable {
    /// The same for the same name within one parsed text.
    pub(crate) id: u32,
    /// With the dollar sign.
    pub(crate) name: Span,
    pub(crate) fields: Box<[Span]>,
}

#[derive(Debug)]
pub(crate) struct Identifier {
    pub(crate) name: Span,
    pub(crate) callee: Callee,
}

#[derive(Clone, Debug)]
pub(crate) enum Callee {
    Builtin(Builtin),
    Func(Func),
}

#[derive(Debug)]
pub(crate) struct Literal {
    pub(crate) quoted: Span,
    pub(crate) value: Value,
}

/// A numeric constant with all the types that can hold it: like Go's constants it takes its type from where it is used.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) text: Span,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
    /// Its value where nothing asks for a type; none if it is too large for an `int`.
    pub(crate) ideal: Option<Value>,
}
