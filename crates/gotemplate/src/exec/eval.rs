//! Commands and operands: fields, chains, variables and constants.

use super::val::Val;
use super::{At, Exec, State};
use crate::options::MissingKey;
use crate::parse::node::{Chain, Command, Node, NodeKind, Number, Span, Variable};
use crate::value::{Map, Value};

impl<'a> State<'a, '_> {
    /// Evaluates a command; `last` is what the command before it in the pipeline gave.
    pub(super) fn command(&mut self, dot: &Val<'a>, command: &'a Command, last: Option<Val<'a>>) -> Exec<Val<'a>> {
        self.charge(1)?;
        let (first, args) = (&command.first, &command.args[..]);
        match &first.kind {
            NodeKind::Field(fields) => {
                self.at(first);
                return self.field_chain(dot.clone(), fields.names(), args, last.as_ref());
            }
            NodeKind::Chain(chain) => return self.chain(dot, first, chain, args, last.as_ref()),
            NodeKind::Identifier(identifier) => {
                self.at(first);
                return self.function(dot, identifier, At::Command(command), args, last);
            }
            NodeKind::Pipe(pipe) => {
                self.not_a_function(first, args, last.as_ref())?;
                return self.deeper(|s| s.pipeline(dot, first.pos, pipe));
            }
            NodeKind::Variable(variable) => {
                self.at(first);
                return self.variable(first, variable, args, last.as_ref());
            }
            _ => {}
        }
        self.at(first);
        self.not_a_function(first, args, last.as_ref())?;
        match &first.kind {
            NodeKind::Bool(value) => Ok(Val::owned(*value)),
            NodeKind::Dot => Ok(dot.clone()),
            NodeKind::Nil => Err(self.error("nil is not a command")),
            NodeKind::Number(number) => self.constant(first, number),
            NodeKind::String(literal) => Ok(Val::borrowed(&literal.value)),
            _ => {
                let shown = crate::gofmt::quote(self.shown(first).as_bytes());
                Err(self.error(format!("can't evaluate command {shown}")))
            }
        }
    }

    fn not_a_function(&self, first: &Node, args: &[Node], last: Option<&Val<'a>>) -> Exec<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(self.error(format!("can't give argument to non-function {}", self.shown(first))))
    }

    /// A number where nothing says which type it should have.
    pub(super) fn constant(&mut self, node: &'a Node, number: &'a Number) -> Exec<Val<'a>> {
        self.at(node);
        match &number.ideal {
            Some(value) => Ok(Val::borrowed(value)),
            None => Err(self.error(format!("{} overflows int", self.shown(node)))),
        }
    }

    pub(super) fn variable(
        &mut self,
        node: &'a Node,
        variable: &'a Variable,
        args: &'a [Node],
        last: Option<&Val<'a>>,
    ) -> Exec<Val<'a>> {
        let place = self.var(variable.id)?;
        let value = self.vars[place].1.clone();
        if variable.fields.is_empty() {
            self.not_a_function(node, args, last)?;
            return Ok(value);
        }
        self.field_chain(value, &variable.fields, args, last)
    }

    /// `(pipeline).Field.Field`
    pub(super) fn chain(
        &mut self,
        dot: &Val<'a>,
        node: &'a Node,
        chain: &'a Chain,
        args: &'a [Node],
        last: Option<&Val<'a>>,
    ) -> Exec<Val<'a>> {
        self.at(node);
        if let NodeKind::Nil = chain.node.kind {
            let shown = self.shown(node);
            return Err(self.error(format!("indirection through explicit nil in {shown}")));
        }
        let value = self.operand(dot, &chain.node)?;
        self.field_chain(value, &chain.fields, args, last)
    }

    /// Follows fields from a value. Arguments concern the last one.
    pub(super) fn field_chain(
        &mut self,
        mut value: Val<'a>,
        fields: &'a [Span],
        args: &'a [Node],
        last: Option<&Val<'a>>,
    ) -> Exec<Val<'a>> {
        let has_args = !args.is_empty() || last.is_some();
        for (i, field) in fields.iter().enumerate() {
            value = self.field(&value, field.of(&self.tree.source), has_args && i + 1 == fields.len())?;
        }
        Ok(value)
    }

    fn field(&mut self, receiver: &Val<'a>, name: &'a [u8], has_args: bool) -> Exec<Val<'a>> {
        let shown = || String::from_utf8_lossy(name);
        let Some(value) = receiver.get() else {
            if self.missing_key() == MissingKey::Error {
                return Err(self.error(format!("nil data; no entry for key {}", crate::gofmt::quote(name))));
            }
            return Ok(Val::ABSENT);
        };
        match value {
            Value::Nil => {
                let ty = receiver.static_type();
                return Err(self.error(format!("nil pointer evaluating {ty}.{}", shown())));
            }
            Value::Struct(s) => {
                if let Some(field) = s.find(name) {
                    if !field.exported {
                        let ty = receiver.static_type();
                        return Err(self.error(format!("{} is an unexported field of struct type {ty}", shown())));
                    }
                    if has_args {
                        let reason = format!("{} has arguments but cannot be invoked as function", shown());
                        return Err(self.error(reason));
                    }
                    return Ok(match receiver.get_ref() {
                        Some(Value::Struct(s)) => s.find(name).map_or(Val::ABSENT, |f| Val::element(&f.value, f.any)),
                        _ => Val::owned_element(field.value.clone(), field.any),
                    });
                }
            }
            Value::Map(map) => {
                if has_args {
                    return Err(self.error(format!("{} is not a method but has arguments", shown())));
                }
                let any = map.elem().is_interface();
                let found = match (receiver.get_ref(), map.fixed()) {
                    (Some(Value::Map(m)), Some(_)) => {
                        m.fixed().and_then(|entries| Map::find_fixed(entries, name)).map(|v| Val::element(v, any))
                    }
                    _ => map.get(name).map(|v| Val::owned_element(v, any)),
                };
                return match (found, self.missing_key()) {
                    (Some(value), _) => Ok(value),
                    (None, MissingKey::NoValue) => Ok(Val::ABSENT),
                    (None, MissingKey::Zero) => Ok(Val::owned_element(Value::zero(map.elem()), any)),
                    (None, MissingKey::Error) => {
                        Err(self.error(format!("map has no entry for key {}", crate::gofmt::quote(name))))
                    }
                };
            }
            _ => {}
        }
        let ty = receiver.static_type();
        Err(self.error(format!("can't evaluate field {} in type {ty}", shown())))
    }
}
