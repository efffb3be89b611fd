//! Pipelines, commands and operands.

use super::node::{Callee, Chain, Command, Fields, Identifier, Literal, Node, NodeKind, Pipe, Span, Variable};
use super::number;
use super::parser::{Parsed, Parser};
use super::token::{Kind, Token};
use crate::exec::Builtin;
use crate::value::Value;

impl Parser<'_> {
    /// A pipeline up to a token of kind `end`, with its position.
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<(u32, Pipe)> {
        let pos = self.peek_non_space().pos();
        let (mut decl, mut assign) = (Vec::new(), false);
        self.declarations(context, &mut decl, &mut assign)?;
        let (mut first, mut more) = (None, Vec::new());
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    let Some(first) = first else {
                        return Err(self.error(format!("missing value for {context}")));
                    };
                    self.check_stages(&more)?;
                    return Ok((pos, Pipe { assign, decl, first, more }));
                }
                Kind::Bool
                | Kind::Char
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    if first.is_none() {
                        first = Some(command);
                    } else {
                        more.push(command);
                    }
                }
                _ => return Err(self.unexpected(token, context)),
            }
        }
    }

    /// `$x :=`, `$x =` and, for `range`, `$i, $x :=`.
    fn declarations(&mut self, context: &str, decl: &mut Vec<Variable>, assign: &mut bool) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // Whether `$x` is declared or an argument shows only after it, so up to two tokens must be taken back.
            let after = self.peek();
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    *assign = next.kind == Kind::Assign;
                    self.next_non_space();
                    self.declare(variable, decl);
                    return Ok(());
                }
                Kind::Other if self.text(next) == b"," => {
                    self.next_non_space();
                    self.declare(variable, decl);
                    if context != "range" || decl.len() >= 2 {
                        return Err(self.error(format!("too many declarations in {context}")));
                    }
                    if !matches!(self.peek_non_space().kind, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                        return Err(self.error("range can only initialize variables"));
                    }
                }
                _ => {
                    if after.kind == Kind::Space {
                        self.backup3(variable, after);
                    } else {
                        self.backup2(variable);
                    }
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, token: Token, decl: &mut Vec<Variable>) {
        let source = self.source;
        let id = self.intern(token.text(source));
        decl.push(Variable { id, name: token.span(), fields: Box::default() });
        // An assignment declares as well, as far as the parser is concerned: execution will find out.
        self.scope.vars.push(id);
    }

    /// Only the first command of a pipeline may be a mere value.
    fn check_stages(&self, more: &[Command]) -> Parsed<()> {
        for (i, command) in more.iter().enumerate() {
            if matches!(
                command.first.kind,
                NodeKind::Bool(_) | NodeKind::Dot | NodeKind::Nil | NodeKind::Number(_) | NodeKind::String(_)
            ) {
                return Err(self.error(format!("non executable command in pipeline stage {}", i + 2)));
            }
        }
        Ok(())
    }

    /// Operands separated by space. A pipe sign that ends it is read, a delimiter is not.
    fn command(&mut self) -> Parsed<Command> {
        let pos = self.peek_non_space().pos();
        let (mut first, mut args) = (None, Vec::new());
        loop {
            self.peek_non_space();
            match self.operand()? {
                Some(operand) if first.is_none() => first = Some(operand),
                operand => args.extend(operand),
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return Err(self.unexpected(token, "operand")),
            }
            break;
        }
        match first {
            Some(first) => Ok(Command { pos, first, args }),
            None => Err(self.error("empty command")),
        }
    }

    /// A term with the fields that follow it, if there is one here.
    fn operand(&mut self) -> Parsed<Option<Node>> {
        let Some(node) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(node));
        }
        self.with_fields(node, first.pos()).map(Some)
    }

    /// A term and the fields that follow it.
    #[inline(never)]
    fn with_fields(&mut self, node: Node, pos: u32) -> Parsed<Node> {
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            fields.push(field_name(token));
        }
        let kind = match node.kind {
            NodeKind::Field(names) => NodeKind::Field(Fields::Many([names.names(), &fields].concat().into())),
            NodeKind::Variable(mut v) => {
                v.fields = fields.into();
                NodeKind::Variable(v)
            }
            NodeKind::Bool(_) | NodeKind::String(_) | NodeKind::Number(_) | NodeKind::Nil | NodeKind::Dot => {
                let mut shown = Vec::new();
                super::print::Printing::new(self.source, "", "").node(&node, &mut shown);
                return Err(self.error(format!("unexpected . after term {}", crate::gofmt::quote(&shown))));
            }
            _ => NodeKind::Chain(Box::new(Chain { node, fields: fields.into() })),
        };
        Ok(Node { pos, kind })
    }

    fn term(&mut self) -> Parsed<Option<Node>> {
        let token = self.next_non_space();
        if token.kind == Kind::LeftParen {
            return self.deeper(Self::parenthesized).map(Some);
        }
        let kind = self.leaf(token)?;
        if kind.is_none() {
            self.backup();
        }
        Ok(kind.map(|kind| Node { pos: token.pos(), kind }))
    }

    fn parenthesized(&mut self) -> Parsed<Node> {
        let (pos, pipe) = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
        Ok(Node { pos, kind: NodeKind::Pipe(Box::new(pipe)) })
    }

    /// A term that contains no other. Apart from `term`, so that what it needs is not on the stack for every parenthesis.
    #[inline(never)]
    fn leaf(&mut self, token: Token) -> Parsed<Option<NodeKind>> {
        Ok(Some(match token.kind {
            Kind::Identifier => {
                let callee = self.callee(token)?;
                NodeKind::Identifier(Box::new(Identifier { name: token.span(), callee }))
            }
            Kind::Dot => NodeKind::Dot,
            Kind::Nil => NodeKind::Nil,
            Kind::Variable => self.variable(token)?,
            Kind::Field => NodeKind::Field(Fields::One(field_name(token))),
            Kind::Bool => NodeKind::Bool(self.text(token) == b"true"),
            Kind::Char | Kind::Complex | Kind::Number => {
                let number = number::parse(self.text(token), token.span(), token.kind).map_err(|e| self.error(e))?;
                NodeKind::Number(Box::new(number))
            }
            Kind::String | Kind::RawString => {
                let value = Value::String(self.unquoted(token)?);
                NodeKind::String(Box::new(Literal { quoted: token.span(), value }))
            }
            _ => return Ok(None),
        }))
    }

    /// The function of a name: the embedder's before Go's own.
    fn callee(&self, token: Token) -> Parsed<Callee> {
        let name = std::str::from_utf8(self.text(token)).unwrap_or_default();
        if let Some(func) = self.options.funcs.get(name) {
            return Ok(Callee::Func(func.clone()));
        }
        match Builtin::named(name) {
            Some(builtin) => Ok(Callee::Builtin(builtin)),
            None => Err(self.error(format!("function {} not defined", crate::gofmt::quote(name.as_bytes())))),
        }
    }

    fn variable(&mut self, token: Token) -> Parsed<NodeKind> {
        let source = self.source;
        let name = token.text(source);
        let id = self.intern(name);
        if !self.scope.vars.contains(&id) {
            return Err(self.error(format!("undefined variable {}", crate::gofmt::quote(name))));
        }
        let name = token.span();
        Ok(NodeKind::Variable(Box::new(Variable { id, name, fields: Box::default() })))
    }
}

/// The name of a field token, which starts with a dot.
fn field_name(token: Token) -> Span {
    Span { start: token.pos() + 1, ..token.span() }
}
