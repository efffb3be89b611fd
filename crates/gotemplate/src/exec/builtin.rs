//! Go's predefined functions.

use super::val::Val;
use super::{compare, escape, index};
use crate::func::FuncError;
use crate::gofmt::{MAX_DEPTH, Printer, Stop};
use crate::value::{Type, Value};

/// A predefined function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    Urlquery,
}

static VALUES: [Type; 2] = [Type::Value, Type::Value];
static STRING: [Type; 1] = [Type::String];
static ANY: Type = Type::Any;

impl Builtin {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "and" => Self::And,
            "call" => Self::Call,
            "eq" => Self::Eq,
            "ge" => Self::Ge,
            "gt" => Self::Gt,
            "html" => Self::Html,
            "index" => Self::Index,
            "js" => Self::Js,
            "le" => Self::Le,
            "len" => Self::Len,
            "lt" => Self::Lt,
            "ne" => Self::Ne,
            "not" => Self::Not,
            "or" => Self::Or,
            "print" => Self::Print,
            "printf" => Self::Printf,
            "println" => Self::Println,
            "slice" => Self::Slice,
            "urlquery" => Self::Urlquery,
            _ => return None,
        })
    }

    /// The types of fixed parameters, and of any number of further ones.
    pub(super) fn signature(self) -> (&'static [Type], Option<&'static Type>) {
        match self {
            Self::And | Self::Or | Self::Call | Self::Index | Self::Slice | Self::Eq => {
                (&VALUES[..1], Some(&VALUES[0]))
            }
            Self::Len | Self::Not => (&VALUES[..1], None),
            Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => (&VALUES, None),
            Self::Print | Self::Println | Self::Html | Self::Js | Self::Urlquery => (&[], Some(&ANY)),
            Self::Printf => (&STRING, Some(&ANY)),
        }
    }
}

/// Calls a function with arguments of its types. Results are at most `max` bytes long.
pub(super) fn call<'a>(builtin: Builtin, args: &[Val<'a>], max: usize) -> Result<Val<'a>, FuncError> {
    match builtin {
        Builtin::Len => index::len(&args[0]).map(Val::owned),
        Builtin::Index => index::index(&args[0], &args[1..]),
        Builtin::Slice => index::slice(&args[0], &args[1..]),
        Builtin::Not => Ok(Val::owned(!args[0].truth())),
        Builtin::Eq => compare::eq(&args[0], &args[1..]).map(Val::owned),
        Builtin::Ne => compare::eq(&args[0], &args[1..]).map(|equal| Val::owned(!equal)),
        Builtin::Lt => compare::lt(&args[0], &args[1]).map(Val::owned),
        Builtin::Le => compare::le(&args[0], &args[1]).map(Val::owned),
        Builtin::Gt => compare::le(&args[0], &args[1]).map(|le| Val::owned(!le)),
        Builtin::Ge => compare::lt(&args[0], &args[1]).map(|lt| Val::owned(!lt)),
        Builtin::Print => text(max, |p| p.print(args.iter().map(Val::as_value))),
        Builtin::Println => text(max, |p| p.println(args.iter().map(Val::as_value))),
        Builtin::Printf => {
            let format = args[0].as_value().as_bytes().unwrap_or_default();
            // A few arguments are the rule, and need no memory of their own.
            let mut few = [&Value::Nil; 4];
            if let Some(few) = few.get_mut(..args.len() - 1) {
                for (place, arg) in few.iter_mut().zip(&args[1..]) {
                    *place = arg.as_value();
                }
                return text(max, |p| p.printf(format, few));
            }
            let many: Vec<&Value> = args[1..].iter().map(Val::as_value).collect();
            text(max, |p| p.printf(format, &many))
        }
        Builtin::Html => escape::escaped(args, max, escape::html),
        Builtin::Js => escape::escaped(args, max, escape::js),
        Builtin::Urlquery => escape::escaped(args, max, escape::url_query),
        Builtin::And | Builtin::Or | Builtin::Call => Err("not to be called like this".into()),
    }
}

/// What a printer writes.
pub(super) fn text<'a>(max: usize, f: impl FnOnce(&mut Printer<'_>)) -> Result<Val<'a>, FuncError> {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, max);
    f(&mut printer);
    match printer.finish() {
        Ok(()) => Ok(Val::owned(out.as_slice())),
        Err(Stop::TooLong) => Err(FuncError::limit(max)),
        Err(Stop::TooDeep) => Err(FuncError::limit_of(format!("value is nested deeper than {MAX_DEPTH}"))),
    }
}
