//! The evaluator.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use kube_cel::cel::{
    common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators as op},
    parser::Expression,
};
use regex::Regex;

use super::{
    Program, library,
    operators::{has, optional_get, select},
    value::{Val, equal},
};

/// What evaluation may still cost, in steps of roughly one node of the expression each.
#[derive(Debug, Clone, Copy)]
pub(in crate::schema) struct Budget(u64);

impl Budget {
    /// A budget of so many steps.
    pub(in crate::schema) fn new(steps: u64) -> Self {
        Self(steps)
    }
    /// Steps left.
    pub(in crate::schema) fn left(self) -> u64 {
        self.0
    }
}

/// Why an evaluation has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::schema) enum Error {
    /// A field or key that is not there.
    #[error("no such key: {0}")]
    NoSuchKey(String),
    /// Types that an operator or function does not take.
    #[error("no such overload")]
    NoOverload,
    /// The expression costs too much on this object.
    #[error("the expression costs more than is allowed")]
    Budget,
    /// Anything else, in CEL's words.
    #[error("{0}")]
    Other(String),
}

impl Error {
    pub(super) fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }
}

/// The value of an expression, or why there is none.
pub(super) type Outcome<'a> = Result<Val<'a>, Error>;

/// Evaluates `program` with `variables`, charging `budget`.
pub(in crate::schema) fn evaluate<'a>(
    program: &'a Program,
    variables: &[(&'a str, Val<'a>)],
    budget: &mut Budget,
) -> Outcome<'a> {
    let scope = variables.iter().map(|(name, value)| (*name, Ok(value.clone()))).collect();
    let mut evaluator = Evaluator { scope, budget, patterns: &program.patterns };
    evaluator.eval(&program.expression)
}

pub(super) struct Evaluator<'a, 'b> {
    /// Variables, innermost last. An accumulator may hold an error, which only matters once it is read.
    pub(super) scope: Vec<(&'a str, Outcome<'a>)>,
    budget: &'b mut Budget,
    patterns: &'a HashMap<String, Regex>,
}

impl<'a> Evaluator<'a, '_> {
    /// Takes `steps` from the budget.
    pub(super) fn charge(&mut self, steps: usize) -> Result<(), Error> {
        let left = self.budget.0.checked_sub(steps as u64);
        self.budget.0 = left.unwrap_or(0);
        left.map(drop).ok_or(Error::Budget)
    }

    /// A literal pattern, compiled beforehand.
    pub(super) fn pattern(&self, text: &str) -> Option<&'a Regex> {
        self.patterns.get(text)
    }

    fn variable(&self, name: &str) -> Option<&Outcome<'a>> {
        self.scope.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    pub(super) fn eval(&mut self, e: &'a Expression) -> Outcome<'a> {
        self.charge(1)?;
        match &e.expr {
            Expr::Literal(l) => Ok(literal(l)),
            Expr::Ident(name) => match self.variable(name) {
                Some(value) => value.clone(),
                None => {
                    library::type_named(name).ok_or_else(|| Error::other(format!("undeclared reference to '{name}'")))
                }
            },
            Expr::Select(s) => {
                let operand = self.eval(&s.operand)?;
                if s.test { Ok(Val::Bool(has(&operand, &s.field)?)) } else { select(&operand, &s.field) }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(l) => {
                let mut items = Vec::with_capacity(l.elements.len());
                for (index, element) in l.elements.iter().enumerate() {
                    match self.eval(element)? {
                        Val::Optional(inner) if l.optional_indices.contains(&index) => {
                            items.extend(inner.map(|v| (*v).clone()));
                        }
                        value => items.push(value),
                    }
                }
                Ok(Val::List(Arc::new(items)))
            }
            Expr::Map(m) => {
                let mut entries: Vec<(Val<'a>, Val<'a>)> = Vec::with_capacity(m.entries.len());
                for entry in &m.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { return Err(Error::NoOverload) };
                    let key = self.eval(&entry.key)?;
                    let value = match self.eval(&entry.value)? {
                        Val::Optional(None) if entry.optional => continue,
                        Val::Optional(Some(v)) if entry.optional => (*v).clone(),
                        value => value,
                    };
                    if entries.iter().any(|(k, _)| equal(k, &key)) {
                        return Err(Error::other("Failed with repeated key"));
                    }
                    entries.push((key, value));
                }
                Ok(Val::Map(Arc::new(entries)))
            }
            Expr::Comprehension(c) => self.comprehension(c),
            Expr::Struct(_) | Expr::Unspecified => Err(Error::NoOverload),
        }
    }

    fn call(&mut self, call: &'a CallExpr) -> Outcome<'a> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::CONDITIONAL, [condition, yes, no]) => match self.eval(condition)? {
                Val::Bool(true) => self.eval(yes),
                Val::Bool(false) => self.eval(no),
                _ => Err(Error::NoOverload),
            },
            (op::LOGICAL_AND, [a, b]) => self.logical(a, b, false),
            (op::LOGICAL_OR, [a, b]) => self.logical(a, b, true),
            (op::LOGICAL_NOT, [a]) => match self.eval(a)? {
                Val::Bool(b) => Ok(Val::Bool(!b)),
                _ => Err(Error::NoOverload),
            },
            (op::NOT_STRICTLY_FALSE, [a]) => match self.eval(a) {
                Err(Error::Budget) => Err(Error::Budget),
                value => Ok(Val::Bool(!matches!(value, Ok(Val::Bool(false))))),
            },
            (op::NEGATE, [a]) => match self.eval(a)? {
                Val::Int(i) => i.checked_neg().map(Val::Int).ok_or_else(|| Error::other("integer overflow")),
                Val::Double(f) => Ok(Val::Double(-f)),
                Val::Duration(d) => d.checked_neg().map(Val::Duration).ok_or_else(|| Error::other("duration overflow")),
                _ => Err(Error::NoOverload),
            },
            (op::OPT_SELECT, [operand, field]) => {
                let (operand, field) = (self.eval(operand)?, self.eval(field)?);
                optional_get(&operand, &field, true)
            }
            (op::OPT_INDEX, [operand, key]) => {
                let (operand, key) = (self.eval(operand)?, self.eval(key)?);
                optional_get(&operand, &key, false)
            }
            (
                name @ (op::EQUALS
                | op::NOT_EQUALS
                | op::LESS
                | op::LESS_EQUALS
                | op::GREATER
                | op::GREATER_EQUALS
                | op::IN
                | op::INDEX
                | op::ADD
                | op::SUBSTRACT
                | op::MULTIPLY
                | op::DIVIDE
                | op::MODULO),
                [a, b],
            ) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                self.binary(name, &a, &b)
            }
            _ => self.function(call),
        }
    }

    /// `&&` and `||`: an error on one side does not matter when the other decides.
    fn logical(&mut self, a: &'a Expression, b: &'a Expression, decisive: bool) -> Outcome<'a> {
        let first = self.eval(a);
        match &first {
            Ok(Val::Bool(v)) if *v == decisive => return first,
            Err(Error::Budget) => return first,
            _ => {}
        }
        let second = self.eval(b);
        match (&first, &second) {
            (_, Ok(Val::Bool(v))) if *v == decisive => second,
            (Err(_), Err(Error::Budget)) => second,
            (Err(_), _) => first,
            (Ok(Val::Bool(_)), Ok(Val::Bool(_))) | (_, Err(_)) => second,
            _ => Err(Error::NoOverload),
        }
    }

    fn function(&mut self, call: &'a CallExpr) -> Outcome<'a> {
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            // `math.greatest(…)`: a name space, unless a variable hides it.
            if let Expr::Ident(prefix) = &target.expr
                && self.variable(prefix).is_none()
                && library::is_namespace(prefix)
            {
                let args = self.args(&call.args)?;
                return library::call(self, &format!("{prefix}.{name}"), None, &args);
            }
            let target = self.eval(target)?;
            if let Some(outcome) = self.macros(name, &target, &call.args) {
                return outcome;
            }
            let args = self.args(&call.args)?;
            return library::call(self, name, Some(&target), &args);
        }
        let args = self.args(&call.args)?;
        library::call(self, name, None, &args)
    }

    pub(super) fn args(&mut self, args: &'a [Expression]) -> Result<Vec<Val<'a>>, Error> {
        args.iter().map(|a| self.eval(a)).collect()
    }
}

fn literal(l: &LiteralValue) -> Val<'_> {
    match l {
        LiteralValue::Boolean(b) => Val::Bool(*b.inner()),
        LiteralValue::Bytes(b) => Val::Bytes(b.inner().into()),
        LiteralValue::Double(f) => Val::Double(*f.inner()),
        LiteralValue::Int(i) => Val::Int(*i.inner()),
        LiteralValue::Null => Val::Null,
        LiteralValue::String(s) => Val::Str(Cow::Borrowed(s.inner())),
        LiteralValue::UInt(u) => Val::Uint(*u.inner()),
    }
}
