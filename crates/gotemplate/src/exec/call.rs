//! Calls: arity, arguments, short circuits, and functions that are values.

use super::args::int_of;
use super::builtin::{self, Builtin};
use super::val::Val;
use super::{At, Exec, State};
use crate::error::{Error, ErrorKind};
use crate::func::{Func, FuncError};
use crate::parse::node::{Callee, Identifier, Node};
use crate::value::{Kind, Number, Type, Value};

impl<'a> State<'a, '_> {
    /// Calls a function by its name. `at` is where an error of the function is reported.
    pub(super) fn function(
        &mut self,
        dot: &Val<'a>,
        identifier: &'a Identifier,
        at: At<'a>,
        args: &'a [Node],
        last: Option<Val<'a>>,
    ) -> Exec<Val<'a>> {
        let (params, rest) = match &identifier.callee {
            Callee::Builtin(b) => b.signature(),
            Callee::Func(f) => (f.params(), f.rest()),
        };
        let given = args.len() + usize::from(last.is_some());
        if rest.is_some() && given < params.len() {
            let reason = format!("want at least {} got {}", params.len(), args.len());
            return Err(self.wrong_number(identifier, &reason));
        }
        if rest.is_none() && given != params.len() {
            let reason = format!("want {} got {given}", params.len());
            return Err(self.wrong_number(identifier, &reason));
        }
        if let Callee::Builtin(b @ (Builtin::And | Builtin::Or)) = identifier.callee {
            return self.logic(dot, b == Builtin::Or, args, last);
        }
        let start = self.stack.len();
        let param = |i: usize| params.get(i).or(rest).unwrap_or(&Type::Any);
        for (i, arg) in args.iter().enumerate() {
            let value = self.arg(dot, param(i), arg)?;
            self.stack.push(value);
        }
        let callee_name = match (&identifier.callee, args.first(), &last) {
            (Callee::Builtin(Builtin::Call), Some(first), _) => self.shown(first),
            (Callee::Builtin(Builtin::Call), None, Some(last)) => reflect_string(last),
            _ => String::new(),
        };
        if let Some(last) = last {
            let value = self.validate(last, param(args.len()))?;
            self.stack.push(value);
        }
        let max = self.limits().output_bytes;
        let result = match &identifier.callee {
            Callee::Builtin(Builtin::Call) => call_value(&callee_name, &self.stack[start..], max),
            Callee::Builtin(b) => builtin::call(*b, &self.stack[start..], max),
            Callee::Func(f) => {
                let args: Vec<Value> = self.stack.drain(start..).map(Val::into_value).collect();
                f.call_limited(&args, max).map(|v| Val::owned_element(v, f.returns_any()))
            }
        };
        self.stack.truncate(start);
        match result {
            Ok(value) => {
                if value.get_ref().is_none()
                    && let Some(made) = value.get()
                {
                    self.charge_for(made)?;
                }
                Ok(value)
            }
            Err(error) => Err(self.call_failed(identifier, at, &error)),
        }
    }

    #[cold]
    fn wrong_number(&self, identifier: &Identifier, reason: &str) -> Error {
        let name = String::from_utf8_lossy(identifier.name.of(&self.tree.source));
        self.error(format!("wrong number of args for {name}: {reason}"))
    }

    #[cold]
    fn call_failed(&mut self, identifier: &Identifier, at: At<'a>, error: &FuncError) -> Error {
        self.at = Some(at);
        let name = String::from_utf8_lossy(identifier.name.of(&self.tree.source));
        let kind = if error.is_limit() { ErrorKind::Limit } else { ErrorKind::Exec };
        self.error_of(kind, format!("error calling {name}: {error}"))
    }

    /// `and` and `or`, which evaluate only as many arguments as they need.
    fn logic(&mut self, dot: &Val<'a>, or: bool, args: &'a [Node], last: Option<Val<'a>>) -> Exec<Val<'a>> {
        let mut value = Val::ABSENT;
        for arg in args {
            value = self.arg(dot, &Type::Value, arg)?;
            if value.truth() == or {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }
}

/// Go's `reflect.Value.String`.
fn reflect_string(value: &Val<'_>) -> String {
    match value.get() {
        None => "<invalid Value>".to_owned(),
        Some(Value::String(s)) if !value.is_any() => s.to_string(),
        Some(_) => format!("<{} Value>", value.static_type()),
    }
}

/// The builtin `call`.
fn call_value<'a>(name: &str, args: &[Val<'a>], max: usize) -> Result<Val<'a>, FuncError> {
    let Some((func, args)) = args.split_first() else { return Err("call of nil".into()) };
    let func = match func.some() {
        None => return Err("call of nil".into()),
        Some(Value::Func(func)) => func.clone(),
        Some(other) => return Err(format!("non-function {name} of type {}", other.type_name()).into()),
    };
    let params = func.params();
    let wrong = |want: String| format!("wrong number of args for {name}: got {} want {want}", args.len());
    if func.rest().is_some() && args.len() < params.len() {
        return Err(wrong(format!("at least {}", params.len())).into());
    }
    if func.rest().is_none() && args.len() != params.len() {
        return Err(wrong(params.len().to_string()).into());
    }
    let mut values = Vec::with_capacity(args.len());
    for (i, arg) in args.iter().enumerate() {
        values.push(prepare(arg, parameter(&func, i)).map_err(|e| format!("arg {i}: {e}"))?);
    }
    Ok(Val::owned_element(func.call_limited(&values, max)?, func.returns_any()))
}

fn parameter(func: &Func, i: usize) -> &Type {
    func.params().get(i).or(func.rest()).unwrap_or(&Type::Any)
}

/// Converts an argument of `call`, or a key of `index`, to the type it must have: integers to each other, and nothing else.
pub(super) fn prepare(arg: &Val<'_>, ty: &Type) -> Result<Value, String> {
    let Some(value) = arg.some() else {
        if ty.can_be_nil() {
            return Ok(Value::zero(ty));
        }
        return Err(format!("value is nil; should be of type {ty}"));
    };
    if value.assignable_to(ty) {
        return Ok(value.clone());
    }
    let bits = match value {
        Value::Uint(u) => Some(u.cast_signed()),
        Value::Number(n @ (Number::Uint64(_) | Number::Uint32(_))) => Some(n.bits().cast_signed()),
        other if matches!(other.kind(), Kind::Int | Kind::Uint) => other.as_i64(),
        _ => None,
    };
    bits.and_then(|bits| int_of(ty, bits))
        .ok_or_else(|| format!("value has type {}; should be {ty}", value.type_name()))
}
