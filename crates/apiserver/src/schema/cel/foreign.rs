//! The Kubernetes function libraries of `kube-cel`: quantities, URLs, IP addresses, semantic versions, sets, formats.
//!
//! A call goes through the engine's own evaluator with values converted to and fro. Those libraries are large and take
//! input from the network, so a panic in one is contained and becomes an evaluation error.

use std::{borrow::Cow, cell::RefCell, collections::HashMap, panic::AssertUnwindSafe, sync::Arc};

use kube_cel::{
    KubeCelExt,
    cel::{
        Context, ExecutionError, Value as Foreign,
        common::ast::{CallExpr, Expr, IdedExpr},
        objects::{Key, Map},
    },
};

use super::{
    eval::{Error, Outcome},
    time,
    value::Val,
};

/// What the libraries provide and the native library does not, by qualified name.
pub(super) const FUNCTIONS: &[&str] = &[
    "add",
    "asApproximateFloat",
    "asInteger",
    "base64.decode",
    "base64.encode",
    "cidr",
    "compareTo",
    "containsCIDR",
    "containsIP",
    "distinct",
    "family",
    "findAll",
    "first",
    "flatten",
    "format",
    "format.byte",
    "format.date",
    "format.datetime",
    "format.dns1035Label",
    "format.dns1035LabelPrefix",
    "format.dns1123Label",
    "format.dns1123LabelPrefix",
    "format.dns1123Subdomain",
    "format.dns1123SubdomainPrefix",
    "format.labelValue",
    "format.named",
    "format.qualifiedName",
    "format.uri",
    "format.uuid",
    "getEscapedPath",
    "getHost",
    "getHostname",
    "getPort",
    "getQuery",
    "getScheme",
    "ip",
    "ip.isCanonical",
    "isCIDR",
    "isGlobalUnicast",
    "isGreaterThan",
    "isIP",
    "isInteger",
    "isLessThan",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isLoopback",
    "isQuantity",
    "isSemver",
    "isSorted",
    "isURL",
    "isUnspecified",
    "jsonpatch.escapeKey",
    "last",
    "lists.range",
    "major",
    "masked",
    "math.abs",
    "math.bitAnd",
    "math.bitNot",
    "math.bitOr",
    "math.bitShiftLeft",
    "math.bitShiftRight",
    "math.bitXor",
    "math.ceil",
    "math.floor",
    "math.greatest",
    "math.isFinite",
    "math.isInf",
    "math.isNaN",
    "math.least",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "max",
    "min",
    "minor",
    "patch",
    "prefixLength",
    "quantity",
    "reverse",
    "semver",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "sign",
    "slice",
    "sort",
    "strings.quote",
    "sub",
    "sum",
    "url",
    "validate",
];

thread_local! {
    /// The registered functions. A context is not shareable, and registering takes longer than a validation.
    static CONTEXT: RefCell<Context<'static>> = RefCell::new(Context::default().with_all());
}

/// Names of the variables that carry arguments.
const NAMES: [&str; 6] = ["@0", "@1", "@2", "@3", "@4", "@5"];

/// Calls a library function.
pub(super) fn call<'a>(name: &str, target: Option<&Val<'a>>, args: &[Val<'a>]) -> Outcome<'a> {
    if !FUNCTIONS.contains(&name) && name != "string" && name != "find" {
        return Err(Error::NoOverload);
    }
    if args.len() + 1 > NAMES.len() {
        return Err(Error::NoOverload);
    }
    if name == "lists.range" && args.iter().any(|a| matches!(a, Val::Int(n) if *n > 10_000)) {
        return Err(Error::Budget);
    }
    let ident = |name: &str| IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) };
    let (prefix, function) = match name.split_once('.') {
        Some((prefix, function)) => (Some(prefix), function),
        None => (None, name),
    };
    let expression = IdedExpr {
        id: 0,
        expr: Expr::Call(CallExpr {
            func_name: function.to_owned(),
            target: prefix.map(ident).or_else(|| target.map(|_| ident(NAMES[0]))).map(Box::new),
            args: NAMES[1..].iter().take(args.len()).map(|n| ident(n)).collect(),
        }),
    };
    let mut values = Vec::with_capacity(args.len() + 1);
    if let Some(target) = target {
        values.push((NAMES[0], to_foreign(target)?));
    }
    for (name, arg) in NAMES[1..].iter().zip(args) {
        values.push((name, to_foreign(arg)?));
    }
    let run = || {
        CONTEXT.with_borrow(|context| {
            let mut scope = context.new_inner_scope();
            for (name, value) in values {
                scope.add_variable_from_value(name, value);
            }
            Foreign::resolve(&expression, &scope)
        })
    };
    match std::panic::catch_unwind(AssertUnwindSafe(run)) {
        // Declared as an optional format; the library answers with the format, or null.
        Ok(Ok(Foreign::Null)) if name == "format.named" => Ok(Val::Optional(None)),
        Ok(Ok(value)) if name == "format.named" => Ok(Val::Optional(Some(Arc::new(from_foreign(value)?)))),
        Ok(Ok(value)) => from_foreign(value),
        Ok(Err(e)) => Err(error(name, e)),
        Err(_) => Err(Error::other(format!("{name} failed on its arguments"))),
    }
}

fn error(name: &str, e: ExecutionError) -> Error {
    match e {
        ExecutionError::FunctionError { message, .. } => Error::Other(message),
        ExecutionError::NoSuchKey(key) => Error::NoSuchKey(key.to_string()),
        ExecutionError::NoSuchOverload
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::InvalidArgumentCount { .. }
        | ExecutionError::MissingArgumentOrTarget => Error::NoOverload,
        // The engine's other errors print whole values.
        _ => Error::other(format!("{name} failed on its arguments")),
    }
}

fn to_foreign(v: &Val<'_>) -> Result<Foreign, Error> {
    Ok(match v {
        Val::Null => Foreign::Null,
        Val::Bool(b) => Foreign::Bool(*b),
        Val::Int(i) => Foreign::Int(*i),
        Val::Uint(u) => Foreign::UInt(*u),
        Val::Double(f) => Foreign::Float(*f),
        Val::Str(s) => Foreign::String(Arc::new(s.to_string())),
        Val::Bytes(b) => Foreign::Bytes(Arc::new(b.to_vec())),
        Val::Foreign(f) => f.clone(),
        Val::Duration(d) => convert("duration", &time::duration_text(*d))?,
        Val::Timestamp(t) => convert("timestamp", &t.to_string())?,
        Val::List(_) | Val::JsonList(..) => {
            Foreign::List(Arc::new(v.items().unwrap_or_default().iter().map(to_foreign).collect::<Result<_, _>>()?))
        }
        Val::Map(_) | Val::JsonMap(..) => {
            let mut map = HashMap::new();
            for (key, value) in v.entries().unwrap_or_default() {
                let key = match key {
                    Val::Str(s) => Key::String(Arc::new(s.into_owned())),
                    Val::Int(i) => Key::Int(i),
                    Val::Uint(u) => Key::Uint(u),
                    Val::Bool(b) => Key::Bool(b),
                    _ => return Err(Error::NoOverload),
                };
                map.insert(key, to_foreign(&value)?);
            }
            Foreign::Map(Map { map: Arc::new(map) })
        }
        Val::Optional(_) | Val::Type(_) => return Err(Error::NoOverload),
    })
}

/// Times cross over as text.
fn convert(function: &str, text: &str) -> Result<Foreign, Error> {
    let literal =
        IdedExpr { id: 0, expr: Expr::Literal(kube_cel::cel::common::ast::LiteralValue::String(text.into())) };
    let call = CallExpr { func_name: function.to_owned(), target: None, args: vec![literal] };
    let expression = IdedExpr { id: 0, expr: Expr::Call(call) };
    CONTEXT.with_borrow(|context| Foreign::resolve(&expression, context)).map_err(|e| error(function, e))
}

fn from_foreign<'a>(v: Foreign) -> Outcome<'a> {
    Ok(match v {
        Foreign::Null => Val::Null,
        Foreign::Bool(b) => Val::Bool(b),
        Foreign::Int(i) => Val::Int(i),
        Foreign::UInt(u) => Val::Uint(u),
        Foreign::Float(f) => Val::Double(f),
        Foreign::String(s) => Val::Str(Cow::Owned(s.to_string())),
        Foreign::Bytes(b) => Val::Bytes(b.as_slice().into()),
        Foreign::List(l) => Val::List(Arc::new(l.iter().cloned().map(from_foreign).collect::<Result<_, _>>()?)),
        Foreign::Map(m) => {
            let entries = m.map.iter().map(|(k, v)| {
                let key = match k {
                    Key::String(s) => Val::Str(Cow::Owned(s.to_string())),
                    Key::Int(i) => Val::Int(*i),
                    Key::Uint(u) => Val::Uint(*u),
                    Key::Bool(b) => Val::Bool(*b),
                };
                Ok((key, from_foreign(v.clone())?))
            });
            Val::Map(Arc::new(entries.collect::<Result<_, Error>>()?))
        }
        Foreign::Duration(d) => {
            d.num_nanoseconds().map(Val::Duration).ok_or_else(|| Error::other("duration overflow"))?
        }
        Foreign::Timestamp(t) => {
            t.to_rfc3339().parse().map(Val::Timestamp).map_err(|_| Error::other("timestamp overflow"))?
        }
        // Optional values of the engine (`validate` of a format) become ours.
        Foreign::Opaque(o) => {
            match o.downcast_ref::<kube_cel::cel::objects::OptionalValue>().map(|o| o.value().cloned()) {
                Some(None) => Val::Optional(None),
                Some(Some(inner)) => Val::Optional(Some(Arc::new(from_foreign(inner)?))),
                None => Val::Foreign(Foreign::Opaque(o)),
            }
        }
        other @ Foreign::Function(..) => Val::Foreign(other),
    })
}
