//! Lists. Role: Sprig's lists, each also under its `must` name. Invariant: a list is never changed, each function makes a new one.

use crate::func::{Args, Func, FuncError, Funcs};
use crate::value::{List, Type, Value};

use super::compare::Comparer;
use super::{Answer, NIL_DEREFERENCE, coerce};

pub(super) fn add(set: Funcs) -> Funcs {
    let any = || Type::list(Type::Any);
    let mut set = set
        .with("list", Func::variadic([], Type::Any, |a| Ok(new(a.iter().cloned()))).returns(any()))
        .with("tuple", Func::variadic([], Type::Any, |a| Ok(new(a.iter().cloned()))).returns(any()))
        .with("concat", Func::variadic([], Type::Any, concat));
    let one = || vec![Type::Any];
    let two = || vec![Type::Any, Type::Any];
    let families: [(&[&str], Func); 14] = [
        (
            &["first", "mustFirst"],
            Func::new(one(), |a| Ok(items(&a[0], "Cannot find first on")?.first().cloned().unwrap_or_default())),
        ),
        (
            &["last", "mustLast"],
            Func::new(one(), |a| Ok(items(&a[0], "Cannot find last on")?.last().cloned().unwrap_or_default())),
        ),
        (
            &["rest", "mustRest"],
            Func::new(one(), |a| Ok(new(items(&a[0], "Cannot find rest on")?.iter().skip(1).cloned()))).returns(any()),
        ),
        (
            &["initial", "mustInitial"],
            Func::new(one(), |a| {
                let all = items(&a[0], "Cannot find initial on")?;
                Ok(new(all.iter().take(all.len().saturating_sub(1)).cloned()))
            })
            .returns(any()),
        ),
        (
            &["reverse", "mustReverse"],
            Func::new(one(), |a| Ok(new(items(&a[0], "Cannot find reverse on")?.iter().rev().cloned()))).returns(any()),
        ),
        (
            &["compact", "mustCompact"],
            Func::new(one(), |a| {
                Ok(new(items(&a[0], "Cannot compact on")?.iter().filter(|v| !coerce::is_empty(v)).cloned()))
            })
            .returns(any()),
        ),
        (&["uniq", "mustUniq"], Func::new(one(), uniq).returns(any())),
        (
            &["append", "push", "mustAppend", "mustPush"],
            Func::new(two(), |a| {
                sized(a, items(&a[0], "Cannot push on")?.len())?;
                Ok(new(items(&a[0], "Cannot push on")?.iter().chain([&a[1]]).cloned()))
            })
            .returns(any()),
        ),
        (
            &["prepend", "mustPrepend"],
            Func::new(two(), |a| {
                sized(a, items(&a[0], "Cannot prepend on")?.len())?;
                Ok(new([&a[1]].into_iter().chain(items(&a[0], "Cannot prepend on")?).cloned()))
            })
            .returns(any()),
        ),
        (&["has", "mustHas"], Func::new(two(), has).returns(Type::Bool)),
        (&["without", "mustWithout"], Func::variadic(one(), Type::Any, without).returns(any())),
        (&["slice", "mustSlice"], Func::variadic(one(), Type::Any, slice)),
        (&["chunk"], Func::new([Type::Int, Type::Any], chunk).returns(Type::list(any()))),
        (&["mustChunk"], Func::new([Type::Int, Type::Any], chunk).returns(Type::list(any()))),
    ];
    for (names, func) in families {
        for name in names {
            set = set.with(*name, func.clone());
        }
    }
    set
}

fn new(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(List::of(Type::Any, items.into_iter().collect()))
}

fn sized(args: &Args<'_>, count: usize) -> Result<(), FuncError> {
    args.check_size(count.saturating_mul(size_of::<Value>()))
}

/// The elements, or why the value has none: Go asks nil for its type and panics.
fn items<'v>(value: &'v Value, complaint: &str) -> Result<&'v [Value], FuncError> {
    match value {
        Value::List(list) => Ok(list),
        Value::Nil => Err(NIL_DEREFERENCE.into()),
        other => Err(format!("{complaint} type {}", coerce::kind_name(other)).into()),
    }
}

fn concat(args: &Args<'_>) -> Answer {
    let mut out: Vec<Value> = Vec::new();
    for list in args.iter() {
        let Value::List(list) = list else {
            return match list {
                Value::Nil => Err(NIL_DEREFERENCE.into()),
                other => Err(format!("Cannot concat type {} as list", coerce::kind_name(other)).into()),
            };
        };
        sized(args, out.len() + list.len())?;
        out.extend(list.iter().cloned());
    }
    Ok(new(out))
}

fn is_in(comparer: &mut Comparer, list: &[Value], needle: &Value) -> Result<bool, FuncError> {
    list.iter().try_fold(false, |found, v| Ok(found || comparer.equal(needle, v)?))
}

fn uniq(args: &Args<'_>) -> Answer {
    let mut comparer = Comparer::new();
    let mut out: Vec<Value> = Vec::new();
    for item in items(&args[0], "Cannot find uniq on")? {
        if !is_in(&mut comparer, &out, item)? {
            out.push(item.clone());
        }
    }
    Ok(new(out))
}

fn has(args: &Args<'_>) -> Answer {
    if matches!(args[1], Value::Nil) {
        return Ok(false.into());
    }
    Ok(is_in(&mut Comparer::new(), items(&args[1], "Cannot find has on")?, &args[0])?.into())
}

fn without(args: &Args<'_>) -> Answer {
    let mut comparer = Comparer::new();
    let mut out = Vec::new();
    for item in items(&args[0], "Cannot find without on")? {
        if !is_in(&mut comparer, &args[1..], item)? {
            out.push(item.clone());
        }
    }
    Ok(new(out))
}

fn slice(args: &Args<'_>) -> Answer {
    let list = items(&args[0], "list should be type of slice or array but")
        .map_err(|e| FuncError::from(e.to_string().replace("but type ", "but ")))?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let start = args.get(1).map_or(0, coerce::int);
    let end = args.get(2).map_or(i64::try_from(list.len()).unwrap_or(i64::MAX), coerce::int);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = range.and_then(|(start, end)| list.get(start..end));
    let part = part.ok_or_else(|| FuncError::from("reflect.Value.Slice: slice index out of bounds"))?;
    let elem = if let Value::List(list) = &args[0] { list.elem().clone() } else { Type::Any };
    Ok(Value::List(List::of(elem, part.to_vec())))
}

fn chunk(args: &Args<'_>) -> Answer {
    let list = items(&args[1], "Cannot chunk")?;
    let size = usize::try_from(args.int(0)).ok().filter(|n| *n > 0);
    let size = size.ok_or_else(|| FuncError::from("runtime error: makeslice: len out of range"))?;
    let chunks = list.chunks(size).map(|part| new(part.iter().cloned())).collect();
    Ok(Value::List(List::of(Type::list(Type::Any), chunks)))
}
