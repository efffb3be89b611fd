//! Arguments: evaluated for the type that the parameter has.

use super::val::Val;
use super::{At, Exec, State};
use crate::parse::node::{Node, NodeKind};
use crate::value::{Number, Type, Value};

impl<'a> State<'a, '_> {
    /// Evaluates an operand where any value will do.
    pub(super) fn operand(&mut self, dot: &Val<'a>, node: &'a Node) -> Exec<Val<'a>> {
        self.at(node);
        match &node.kind {
            NodeKind::Dot => Ok(dot.clone()),
            NodeKind::Field(fields) => self.field_chain(dot.clone(), fields.names(), &[], None),
            NodeKind::Variable(variable) => self.variable(node, variable, &[], None),
            NodeKind::Pipe(pipe) => self.deeper(|s| s.pipeline(dot, node.pos, pipe)),
            NodeKind::Identifier(identifier) => self.function(dot, identifier, At::Node(node), &[], None),
            NodeKind::Chain(chain) => self.chain(dot, node, chain, &[], None),
            NodeKind::Bool(value) => Ok(Val::owned(*value)),
            NodeKind::Number(number) => self.constant(node, number),
            NodeKind::String(literal) => Ok(Val::borrowed(&literal.value)),
            _ => {
                let shown = self.shown(node);
                Err(self.error(format!("can't handle assignment of {shown} to empty interface argument")))
            }
        }
    }

    /// Evaluates an argument for a parameter of type `ty`.
    pub(super) fn arg(&mut self, dot: &Val<'a>, ty: &Type, node: &'a Node) -> Exec<Val<'a>> {
        self.at(node);
        match &node.kind {
            NodeKind::Nil => {
                if ty.can_be_nil() {
                    return Ok(nil_of(ty));
                }
                Err(self.error(format!("cannot assign nil to {ty}")))
            }
            NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::String(_) if !ty.is_interface() => {
                self.typed_constant(ty, node)
            }
            NodeKind::Bool(_) | NodeKind::Number(_) | NodeKind::String(_) => self.operand(dot, node),
            _ => {
                let value = self.operand(dot, node)?;
                self.validate(value, ty)
            }
        }
    }

    /// Sees that a value can be given for a parameter of type `ty`.
    pub(super) fn validate(&mut self, value: Val<'a>, ty: &Type) -> Exec<Val<'a>> {
        if value.is_absent() {
            if ty.can_be_nil() {
                return Ok(nil_of(ty));
            }
            return Err(self.error(format!("invalid value; expected {ty}")));
        }
        if ty.is_interface() {
            return Ok(value);
        }
        if value.some().is_some_and(|v| v.assignable_to(ty)) {
            return Ok(value.unwrapped());
        }
        let got = value.dynamic_type();
        Err(self.error(format!("wrong type for value; expected {ty}; got {got}")))
    }

    /// A constant takes the type of the parameter, if it can be of that type.
    fn typed_constant(&mut self, ty: &Type, node: &'a Node) -> Exec<Val<'a>> {
        let (wanted, value) = match ty {
            Type::Bool => ("bool", constant_bool(node)),
            Type::String => ("string", constant_string(node)),
            Type::Float32 | Type::Float64 => ("float", constant_float(node, ty)),
            Type::Complex128 => ("complex", constant_complex(node)),
            Type::Int | Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => ("integer", constant_int(node, ty)),
            Type::Uint | Type::Uint8 | Type::Uint16 | Type::Uint32 | Type::Uint64 => {
                ("unsigned integer", constant_uint(node, ty))
            }
            _ => {
                let shown = self.shown(node);
                return Err(self.error(format!("can't handle {shown} for arg of type {ty}")));
            }
        };
        value.map(Val::owned).ok_or_else(|| self.error(format!("expected {wanted}; found {}", self.shown(node))))
    }
}

/// What nil is as an argument of a type that can be nil.
fn nil_of<'a>(ty: &Type) -> Val<'a> {
    match ty {
        Type::Value => Val::ABSENT,
        Type::List(_) | Type::Map(_) => Val::owned(Value::zero(ty)),
        _ => Val::NIL,
    }
}

fn constant_bool(node: &Node) -> Option<Value> {
    match &node.kind {
        NodeKind::Bool(value) => Some(Value::Bool(*value)),
        _ => None,
    }
}

fn constant_string(node: &Node) -> Option<Value> {
    match &node.kind {
        NodeKind::String(literal) => Some(literal.value.clone()),
        _ => None,
    }
}

fn constant_float(node: &Node, ty: &Type) -> Option<Value> {
    let NodeKind::Number(n) = &node.kind else { return None };
    let f = n.float?;
    #[expect(clippy::cast_possible_truncation, reason = "as Go sets a float32")]
    Some(if *ty == Type::Float32 { Value::Number(Number::Float32(f as f32)) } else { Value::Float(f) })
}

fn constant_complex(node: &Node) -> Option<Value> {
    let NodeKind::Number(n) = &node.kind else { return None };
    n.complex.map(|(re, im)| Value::Number(Number::Complex128(re, im)))
}

fn constant_int(node: &Node, ty: &Type) -> Option<Value> {
    let NodeKind::Number(n) = &node.kind else { return None };
    int_of(ty, n.int?)
}

fn constant_uint(node: &Node, ty: &Type) -> Option<Value> {
    let NodeKind::Number(n) = &node.kind else { return None };
    int_of(ty, n.uint?.cast_signed())
}

/// An integer of the type `ty`, which loses the bits that it has no room for, as Go's conversion does.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "that is the point")]
pub(super) fn int_of(ty: &Type, bits: i64) -> Option<Value> {
    Some(match ty {
        Type::Int => Value::Int(bits),
        Type::Uint => Value::Uint(bits as u64),
        Type::Int8 => Value::Number(Number::Int8(bits as i8)),
        Type::Int16 => Value::Number(Number::Int16(bits as i16)),
        Type::Int32 => Value::Number(Number::Int32(bits as i32)),
        Type::Int64 => Value::Number(Number::Int64(bits)),
        Type::Uint8 => Value::Number(Number::Uint8(bits as u8)),
        Type::Uint16 => Value::Number(Number::Uint16(bits as u16)),
        Type::Uint32 => Value::Number(Number::Uint32(bits as u32)),
        Type::Uint64 => Value::Number(Number::Uint64(bits as u64)),
        _ => return None,
    })
}
