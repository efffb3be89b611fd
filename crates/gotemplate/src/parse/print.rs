//! Trees as text, for error messages and for whoever wants to see what was parsed.
//!
//! Invariant: parsing the printed text gives the same tree. To that end it differs from Go's `Node.String` where Go's does not: texts that
//! follow each other stay apart, and text that would form a delimiter with the action after it is kept from it by a trim marker.

use super::node::{Branch, Command, Node, NodeKind, Pipe, Span, Tree, Variable};
use super::scan::find;

/// A node as Go's error messages show it.
pub(crate) fn print_node(node: &Node, tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    Printing::new(&tree.source, &tree.left, &tree.right).node(node, &mut out);
    out
}

/// A pipeline as Go's error messages show it.
pub(crate) fn print_pipe(pipe: &Pipe, tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    Printing::new(&tree.source, &tree.left, &tree.right).pipe(pipe, &mut out);
    out
}

/// A command as Go's error messages show it.
pub(crate) fn print_command(command: &Command, tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    Printing::new(&tree.source, &tree.left, &tree.right).command(command, &mut out);
    out
}

/// A whole tree.
pub(crate) fn print_root(tree: &Tree, out: &mut Vec<u8>) {
    Printing::new(&tree.source, &tree.left, &tree.right).list(&tree.root, out);
}

/// The end of a definition.
pub(crate) fn print_end(tree: &Tree, out: &mut Vec<u8>) {
    Printing::new(&tree.source, &tree.left, &tree.right).action("end", out, |_| {});
}

pub(super) struct Printing<'t> {
    source: &'t [u8],
    left: &'t str,
    right: &'t str,
}

impl<'t> Printing<'t> {
    pub(super) fn new(source: &'t [u8], left: &'t str, right: &'t str) -> Self {
        Self { source, left, right }
    }

    fn list(&self, nodes: &[Node], out: &mut Vec<u8>) {
        let mut after_text = false;
        for node in nodes {
            let is_text = matches!(node.kind, NodeKind::Text(_));
            if is_text && after_text {
                self.open(out);
                out.extend_from_slice(b"/**/");
                out.extend_from_slice(self.right.as_bytes());
            }
            self.node(node, out);
            after_text = is_text;
        }
    }

    /// The left delimiter, where needed with a trim marker that keeps it apart from the text before.
    fn open(&self, out: &mut Vec<u8>) {
        let left = self.left.as_bytes();
        let from = (out.len() + 1).saturating_sub(left.len());
        let tail = [&out[from..], left].concat();
        if find(&tail, left) == Some(out.len() - from) {
            out.extend_from_slice(left);
        } else {
            out.push(b' ');
            out.extend_from_slice(left);
            out.extend_from_slice(b"- ");
        }
    }

    fn action(&self, word: &str, out: &mut Vec<u8>, f: impl FnOnce(&mut Vec<u8>)) {
        self.open(out);
        out.extend_from_slice(word.as_bytes());
        f(out);
        out.extend_from_slice(self.right.as_bytes());
    }

    pub(super) fn node(&self, node: &Node, out: &mut Vec<u8>) {
        match &node.kind {
            NodeKind::Text(span) => self.span(*span, out),
            NodeKind::Action(pipe) => self.action("", out, |out| self.pipe(pipe, out)),
            NodeKind::If(branch) => self.branch("if ", branch, out),
            NodeKind::With(branch) => self.branch("with ", branch, out),
            NodeKind::Range(branch) => self.branch("range ", branch, out),
            NodeKind::Template(call) => self.action("template ", out, |out| {
                out.extend_from_slice(crate::gofmt::quote(&call.name).as_bytes());
                if let Some(pipe) = &call.pipe {
                    out.push(b' ');
                    self.node(pipe, out);
                }
            }),
            NodeKind::Break => self.action("break", out, |_| {}),
            NodeKind::Continue => self.action("continue", out, |_| {}),
            NodeKind::Pipe(pipe) => self.pipe(pipe, out),
            NodeKind::Chain(chain) => {
                self.operand(&chain.node, out);
                self.fields(&chain.fields, out);
            }
            NodeKind::Field(fields) => self.fields(fields.names(), out),
            NodeKind::Variable(variable) => self.variable(variable, out),
            NodeKind::Identifier(identifier) => self.span(identifier.name, out),
            NodeKind::Dot => out.push(b'.'),
            NodeKind::Nil => out.extend_from_slice(b"nil"),
            NodeKind::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            NodeKind::Number(number) => self.span(number.text, out),
            NodeKind::String(literal) => self.span(literal.quoted, out),
        }
    }

    /// A node in the place of an argument, where a pipeline stands in parentheses.
    fn operand(&self, node: &Node, out: &mut Vec<u8>) {
        if let NodeKind::Pipe(pipe) = &node.kind {
            out.push(b'(');
            self.pipe(pipe, out);
            out.push(b')');
        } else {
            self.node(node, out);
        }
    }

    fn pipe(&self, pipe: &Pipe, out: &mut Vec<u8>) {
        for (i, variable) in pipe.decl.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(b", ");
            }
            self.variable(variable, out);
        }
        if !pipe.decl.is_empty() {
            out.extend_from_slice(if pipe.assign { b" = " } else { b" := " });
        }
        for (i, command) in pipe.commands().enumerate() {
            if i > 0 {
                out.extend_from_slice(b" | ");
            }
            self.command(command, out);
        }
    }

    fn command(&self, command: &Command, out: &mut Vec<u8>) {
        self.operand(&command.first, out);
        for arg in &command.args {
            out.push(b' ');
            self.operand(arg, out);
        }
    }

    fn branch(&self, word: &str, branch: &Branch, out: &mut Vec<u8>) {
        self.action(word, out, |out| self.node(&branch.pipe, out));
        self.list(&branch.list, out);
        if let Some(list) = &branch.otherwise {
            self.action("else", out, |_| {});
            self.list(list, out);
        }
        self.action("end", out, |_| {});
    }

    fn variable(&self, variable: &Variable, out: &mut Vec<u8>) {
        self.span(variable.name, out);
        self.fields(&variable.fields, out);
    }

    fn fields(&self, fields: &[Span], out: &mut Vec<u8>) {
        for field in fields {
            out.push(b'.');
            self.span(*field, out);
        }
    }

    fn span(&self, span: Span, out: &mut Vec<u8>) {
        out.extend_from_slice(span.of(self.source));
    }
}
