//! Operators on values: equality, order, membership, access, arithmetic.

use std::{borrow::Cow, sync::Arc};

use kube_cel::cel::common::ast::operators as op;

use super::{
    eval::{Error, Evaluator, Outcome},
    time,
    value::{Val, compare_numbers, equal},
};
use crate::schema::ListType;

impl<'a> Evaluator<'a, '_> {
    pub(super) fn binary(&mut self, name: &str, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
        match name {
            op::EQUALS | op::NOT_EQUALS => {
                self.charge_pair(a, b)?;
                Ok(Val::Bool(equal(a, b) == (name == op::EQUALS)))
            }
            op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS => {
                let Some(order) = compare(a, b) else {
                    // NaN compares false with everything.
                    return if matches!((a, b), (Val::Double(_), _) | (_, Val::Double(_)))
                        && is_number(a)
                        && is_number(b)
                    {
                        Ok(Val::Bool(false))
                    } else {
                        Err(Error::NoOverload)
                    };
                };
                Ok(Val::Bool(match name {
                    op::LESS => order.is_lt(),
                    op::LESS_EQUALS => order.is_le(),
                    op::GREATER => order.is_gt(),
                    _ => order.is_ge(),
                }))
            }
            op::IN => {
                if b.entries().is_some() {
                    return Ok(Val::Bool(b.get(a, false).is_some()));
                }
                let items = b.items().ok_or(Error::NoOverload)?;
                self.charge(items.len())?;
                Ok(Val::Bool(items.iter().any(|item| equal(item, a))))
            }
            op::INDEX => index(a, b),
            op::ADD => self.add(a, b),
            _ => arithmetic(name, a, b),
        }
    }

    fn charge_pair(&mut self, a: &Val<'_>, b: &Val<'_>) -> Result<(), Error> {
        let (x, y) = (a.len().unwrap_or(0), b.len().unwrap_or(0));
        let unordered = a.list_semantics().0 != ListType::Atomic && b.list_semantics().0 != ListType::Atomic;
        self.charge(if unordered { x.saturating_mul(y) / 8 } else { x.min(y) })
    }

    fn add(&mut self, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
        if let (Val::Str(a), Val::Str(b)) = (a, b) {
            self.charge((a.len() + b.len()) / 64)?;
            return Ok(Val::Str(Cow::Owned(format!("{a}{b}"))));
        }
        let (Some(mut left), Some(right)) = (a.items(), b.items()) else {
            return arithmetic(op::ADD, a, b);
        };
        self.charge(left.len() + right.len())?;
        match a.list_semantics() {
            (ListType::Set, _) => {
                self.charge(left.len().saturating_mul(right.len()) / 8)?;
                for item in right {
                    if !left.iter().any(|l| equal(l, &item)) {
                        left.push(item);
                    }
                }
            }
            (ListType::Map, keys) => {
                self.charge(left.len().saturating_mul(right.len()) / 8)?;
                let same = |x: &Val<'_>, y: &Val<'_>| {
                    keys.iter().all(|k| {
                        let key = Val::Str(Cow::Borrowed(k.as_str()));
                        match (x.get(&key, false), y.get(&key, false)) {
                            (Some(x), Some(y)) => equal(&x, &y),
                            (x, y) => x.is_none() && y.is_none(),
                        }
                    })
                };
                for item in right {
                    match left.iter_mut().find(|l| same(l, &item)) {
                        Some(slot) => *slot = item,
                        None => left.push(item),
                    }
                }
            }
            (ListType::Atomic, _) => left.extend(right),
        }
        Ok(Val::List(Arc::new(left)))
    }
}

fn is_number(v: &Val<'_>) -> bool {
    matches!(v, Val::Int(_) | Val::Uint(_) | Val::Double(_))
}

pub(super) fn has(operand: &Val<'_>, field: &str) -> Result<bool, Error> {
    let key = Val::Str(Cow::Borrowed(field));
    match operand {
        Val::Optional(None) => Ok(false),
        Val::Optional(Some(inner)) => has(inner, field),
        Val::Map(_) | Val::JsonMap(..) => Ok(operand.get(&key, true).is_some()),
        _ => Err(Error::NoOverload),
    }
}

pub(super) fn select<'a>(operand: &Val<'a>, field: &str) -> Outcome<'a> {
    let key = Val::Str(Cow::Borrowed(field));
    match operand {
        // `a.?b.c`: the rest of the chain is optional too.
        Val::Optional(_) => optional_get(operand, &key, true),
        Val::Map(_) | Val::JsonMap(..) => operand.get(&key, true).ok_or_else(|| Error::NoSuchKey(field.to_owned())),
        _ => Err(Error::NoOverload),
    }
}

pub(super) fn optional_get<'a>(operand: &Val<'a>, key: &Val<'_>, field: bool) -> Outcome<'a> {
    let some = |v: Option<Val<'a>>| Ok(Val::Optional(v.map(Arc::new)));
    match operand {
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(inner)) => match optional_get(inner, key, field)? {
            found @ Val::Optional(_) => Ok(found),
            other => some(Some(other)),
        },
        Val::Map(_) | Val::JsonMap(..) => some(operand.get(key, field)),
        Val::List(_) | Val::JsonList(..) => some(match key {
            Val::Int(i) => usize::try_from(*i).ok().and_then(|i| operand.at(i)),
            _ => None,
        }),
        _ => Err(Error::NoOverload),
    }
}

fn index<'a>(operand: &Val<'a>, key: &Val<'a>) -> Outcome<'a> {
    match operand {
        Val::Optional(_) => optional_get(operand, key, false),
        Val::Map(_) | Val::JsonMap(..) => operand.get(key, false).ok_or_else(|| {
            Error::NoSuchKey(match key {
                Val::Str(s) => s.to_string(),
                Val::Int(i) => i.to_string(),
                Val::Uint(u) => u.to_string(),
                Val::Bool(b) => b.to_string(),
                other => other.type_name().to_owned(),
            })
        }),
        Val::List(_) | Val::JsonList(..) => {
            let position = match key {
                Val::Int(i) => usize::try_from(*i).ok(),
                Val::Uint(u) => usize::try_from(*u).ok(),
                _ => return Err(Error::NoOverload),
            };
            let shown = match key {
                Val::Uint(u) => u.to_string(),
                Val::Int(i) => i.to_string(),
                _ => String::new(),
            };
            position.and_then(|p| operand.at(p)).ok_or_else(|| Error::other(format!("index out of bounds: {shown}")))
        }
        _ => Err(Error::NoOverload),
    }
}

/// Order of two values of one type, or of two numbers.
pub(super) fn compare(a: &Val<'_>, b: &Val<'_>) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Val::Str(a), Val::Str(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Bytes(a), Val::Bytes(b)) => Some(a.cmp(b)),
        (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
        (Val::Timestamp(a), Val::Timestamp(b)) => Some(a.cmp(b)),
        _ => compare_numbers(a, b),
    }
}

fn arithmetic<'a>(name: &str, a: &Val<'a>, b: &Val<'a>) -> Outcome<'a> {
    let overflow = || Error::other("integer overflow");
    match (a, b) {
        (Val::Int(a), Val::Int(b)) => {
            if *b == 0 && name == op::DIVIDE {
                return Err(Error::other("division by zero"));
            }
            if *b == 0 && name == op::MODULO {
                return Err(Error::other("modulus by zero"));
            }
            match name {
                op::ADD => a.checked_add(*b),
                op::SUBSTRACT => a.checked_sub(*b),
                op::MULTIPLY => a.checked_mul(*b),
                op::DIVIDE => a.checked_div(*b),
                op::MODULO => a.checked_rem(*b),
                _ => return Err(Error::NoOverload),
            }
            .map(Val::Int)
            .ok_or_else(overflow)
        }
        (Val::Uint(a), Val::Uint(b)) => {
            if *b == 0 && matches!(name, op::DIVIDE | op::MODULO) {
                return Err(Error::other(if name == op::DIVIDE { "division by zero" } else { "modulus by zero" }));
            }
            match name {
                op::ADD => a.checked_add(*b),
                op::SUBSTRACT => a.checked_sub(*b),
                op::MULTIPLY => a.checked_mul(*b),
                op::DIVIDE => a.checked_div(*b),
                op::MODULO => a.checked_rem(*b),
                _ => return Err(Error::NoOverload),
            }
            .map(Val::Uint)
            .ok_or_else(overflow)
        }
        (Val::Double(a), Val::Double(b)) => Ok(Val::Double(match name {
            op::ADD => a + b,
            op::SUBSTRACT => a - b,
            op::MULTIPLY => a * b,
            op::DIVIDE => a / b,
            _ => return Err(Error::NoOverload),
        })),
        (Val::Bytes(a), Val::Bytes(b)) if name == op::ADD => Ok(Val::Bytes([a.as_ref(), b.as_ref()].concat().into())),
        _ => time::arithmetic(name, a, b),
    }
}
