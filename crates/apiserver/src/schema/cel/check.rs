//! What can be known of an expression before it runs: undeclared names, fields that the schema does not have, operands
//! that cannot go together. Not a full type checker: what it does not know, it lets pass, and evaluation decides.

use kube_cel::cel::{
    common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators as op},
    parser::Expression,
};

use super::{library, value::unescape};
use crate::schema::Schema;

/// A static type.
#[derive(Debug, Clone, Copy)]
pub(in crate::schema) enum Type<'s> {
    Unknown,
    Bool,
    Int,
    Uint,
    Double,
    Str,
    Bytes,
    Null,
    List,
    Map,
    /// A value of the object, described by its schema.
    Node(&'s Schema, Place),
}

/// What is special about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schema) enum Place {
    /// The root, or an embedded resource: has type and metadata fields.
    Resource,
    /// `metadata` of a resource: only its names are accessible.
    Metadata,
    /// Anything else.
    Plain,
}

/// Variables and their types.
pub(in crate::schema) type Variables<'s> = Vec<(&'s str, Type<'s>)>;

impl PartialEq for Type<'_> {
    /// Nodes are the same where their schema is the same one.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Type::Node(a, _), Type::Node(b, _)) => std::ptr::eq(*a, *b),
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

impl<'s> Type<'s> {
    /// The type of values that a schema describes.
    pub(in crate::schema) fn of(schema: &'s Schema, root: bool) -> Self {
        if schema.reference.is_some() || schema.int_or_string {
            return Type::Unknown;
        }
        let formatted = schema.keywords.contains_key("format");
        match schema.type_.as_str() {
            "boolean" => Type::Bool,
            "integer" => Type::Int,
            "number" => Type::Double,
            "string" if !formatted => Type::Str,
            "object" | "array" => {
                let resource = root || schema.embedded_resource;
                Type::Node(schema, if resource { Place::Resource } else { Place::Plain })
            }
            _ => Type::Unknown,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Type::Unknown => "dyn",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::Str => "string",
            Type::Bytes => "bytes",
            Type::Null => "null",
            Type::List => "list",
            Type::Map => "map",
            Type::Node(s, _) if s.type_ == "array" => "list",
            Type::Node(s, _) if s.additional_properties.is_some() => "map",
            Type::Node(..) => "object",
        }
    }

    /// Scalars of which only equal ones go together.
    fn scalar(&self) -> Option<u8> {
        match self {
            Type::Bool => Some(0),
            Type::Int | Type::Uint | Type::Double => Some(1),
            Type::Str => Some(2),
            Type::Bytes => Some(3),
            _ => None,
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Type::List) || matches!(self, Type::Node(s, _) if s.type_ == "array")
    }
}

/// Checks an expression that must have the type `expected`.
pub(super) fn check(e: &Expression, variables: &Variables<'_>, expected: Type<'_>) -> Result<(), String> {
    let mut scope: Scope<'_, '_> = variables.iter().map(|(n, t)| (*n, *t)).collect();
    let found = infer(e, &mut scope)?;
    if found != Type::Unknown && found != expected {
        let what = if expected == Type::Bool { "must evaluate to a bool" } else { "must evaluate to a string" };
        return Err(format!("{what}, but is {}", found.name()));
    }
    Ok(())
}

type Scope<'e, 's> = Vec<(&'e str, Type<'s>)>;

fn infer<'e, 's>(e: &'e Expression, scope: &mut Scope<'e, 's>) -> Result<Type<'s>, String> {
    Ok(match &e.expr {
        Expr::Literal(l) => match l {
            LiteralValue::Boolean(_) => Type::Bool,
            LiteralValue::Bytes(_) => Type::Bytes,
            LiteralValue::Double(_) => Type::Double,
            LiteralValue::Int(_) => Type::Int,
            LiteralValue::Null => Type::Null,
            LiteralValue::String(_) => Type::Str,
            LiteralValue::UInt(_) => Type::Uint,
        },
        Expr::Ident(name) => match scope.iter().rev().find(|(n, _)| n == name) {
            Some((_, t)) => *t,
            None if library::type_named(name).is_some() => Type::Unknown,
            None => return Err(format!("undeclared reference to '{name}' (in container '')")),
        },
        Expr::Select(s) => {
            let operand = infer(&s.operand, scope)?;
            let field = select(&operand, &s.field)?;
            if s.test { Type::Bool } else { field }
        }
        Expr::List(l) => {
            for element in &l.elements {
                infer(element, scope)?;
            }
            Type::List
        }
        Expr::Map(m) => {
            for entry in &m.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    infer(&entry.key, scope)?;
                    infer(&entry.value, scope)?;
                }
            }
            Type::Map
        }
        Expr::Comprehension(c) => {
            let range = infer(&c.iter_range, scope)?;
            let item = item_of(&range)?;
            let init = infer(&c.accu_init, scope)?;
            let base = scope.len();
            scope.push((&c.accu_var, if init == Type::List { Type::List } else { Type::Unknown }));
            scope.push((&c.iter_var, item));
            infer(&c.loop_cond, scope)?;
            infer(&c.loop_step, scope)?;
            scope.truncate(base + 1);
            let result = infer(&c.result, scope)?;
            scope.truncate(base);
            // `all` and `exists` end in their accumulator, which starts as a bool.
            if init == Type::Bool { Type::Bool } else { result }
        }
        Expr::Call(call) => self::call(call, scope)?,
        Expr::Struct(_) | Expr::Unspecified => Type::Unknown,
    })
}

fn select<'s>(operand: &Type<'s>, field: &str) -> Result<Type<'s>, String> {
    match operand {
        Type::Node(schema, place) => {
            if let Some(values) = &schema.additional_properties {
                return Ok(Type::of(values, false));
            }
            if schema.type_ == "array" {
                return Err(format!("type 'list' does not support field selection: {field}"));
            }
            let name = unescape(field);
            let known = match place {
                Place::Metadata => matches!(name.as_ref(), "name" | "generateName"),
                _ => schema.properties.contains_key(name.as_ref()),
            };
            let resource_field =
                *place == Place::Resource && matches!(name.as_ref(), "apiVersion" | "kind" | "metadata");
            if let Some(property) = schema.properties.get(name.as_ref()).filter(|_| known) {
                return Ok(match (place, name.as_ref()) {
                    (Place::Resource, "metadata") => Type::Node(property, Place::Metadata),
                    _ => Type::of(property, false),
                });
            }
            if known || resource_field {
                return Ok(Type::Unknown);
            }
            Err(format!("undefined field '{field}'"))
        }
        scalar if scalar.scalar().is_some() || *scalar == Type::List => {
            Err(format!("type '{}' does not support field selection", scalar.name()))
        }
        _ => Ok(Type::Unknown),
    }
}

fn item_of<'s>(range: &Type<'s>) -> Result<Type<'s>, String> {
    match range {
        Type::Node(s, _) if s.type_ == "array" => Ok(s.items.as_deref().map_or(Type::Unknown, |i| Type::of(i, false))),
        Type::Node(s, _) if s.additional_properties.is_some() => Ok(Type::Str),
        Type::Node(..) => {
            Err("expression of type 'object' cannot be range of a comprehension (must be list, map, or dynamic)".into())
        }
        scalar if scalar.scalar().is_some() => Err(format!(
            "expression of type '{}' cannot be range of a comprehension (must be list, map, or dynamic)",
            scalar.name()
        )),
        _ => Ok(Type::Unknown),
    }
}

fn call<'e, 's>(call: &'e CallExpr, scope: &mut Scope<'e, 's>) -> Result<Type<'s>, String> {
    let name = call.func_name.as_str();
    if name.starts_with(['_', '!', '-', '@']) {
        return operator(call, scope);
    }
    if let Some(target) = &call.target {
        if let Expr::Ident(prefix) = &target.expr
            && library::is_namespace(prefix)
            && !scope.iter().any(|(n, _)| n == prefix)
        {
            let qualified = format!("{prefix}.{name}");
            if !library::is_known(&qualified) {
                return Err(format!("undeclared reference to '{qualified}' (in container '')"));
            }
            arguments(&call.args, scope)?;
            return Ok(Type::Unknown);
        }
        infer(target, scope)?;
    }
    if !library::is_known(name) {
        return Err(format!("undeclared reference to '{name}' (in container '')"));
    }
    // Macros that bind names: what they bind is not an argument.
    let bound = match (name, call.args.len()) {
        _ if call.target.is_none() => 0,
        ("optMap" | "optFlatMap" | "sortBy", 2) => 1,
        ("all" | "exists" | "existsOne" | "exists_one" | "transformList" | "transformMap", 3..) => 2,
        _ => 0,
    };
    let base = scope.len();
    for variable in &call.args[..bound] {
        let Expr::Ident(name) = &variable.expr else { return Err("argument must be a simple name".into()) };
        scope.push((name, Type::Unknown));
    }
    let result = arguments(&call.args[bound..], scope);
    scope.truncate(base);
    result?;
    Ok(match name {
        "size" | "indexOf" | "lastIndexOf" | "int" => Type::Int,
        "contains" | "startsWith" | "endsWith" | "matches" | "isIP" | "isCIDR" | "isURL" | "isQuantity" | "bool"
        | "hasValue" | "all" | "exists" => Type::Bool,
        "lowerAscii" | "upperAscii" | "trim" | "join" | "substring" | "replace" | "charAt" | "string" => Type::Str,
        "split" => Type::List,
        "double" => Type::Double,
        "uint" => Type::Uint,
        _ => Type::Unknown,
    })
}

fn arguments<'e>(args: &'e [Expression], scope: &mut Scope<'e, '_>) -> Result<(), String> {
    args.iter().try_for_each(|a| infer(a, scope).map(drop))
}

fn operator<'e, 's>(call: &'e CallExpr, scope: &mut Scope<'e, 's>) -> Result<Type<'s>, String> {
    let types = call.args.iter().map(|a| infer(a, scope)).collect::<Result<Vec<_>, _>>()?;
    let mismatch = |types: &[Type<'_>]| {
        let names: Vec<_> = types.iter().map(Type::name).collect();
        format!("found no matching overload for '{}' applied to '({})'", call.func_name, names.join(", "))
    };
    let is_bool = |t: &Type<'_>| matches!(t, Type::Bool | Type::Unknown);
    match (call.func_name.as_str(), types.as_slice()) {
        (op::LOGICAL_AND | op::LOGICAL_OR, [a, b]) if !is_bool(a) || !is_bool(b) => Err(mismatch(&types)),
        (op::LOGICAL_NOT, [a]) if !is_bool(a) => Err(mismatch(&types)),
        (op::EQUALS | op::NOT_EQUALS | op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b]) => {
            match (a.scalar(), b.scalar()) {
                (Some(x), Some(y)) if x != y => Err(mismatch(&types)),
                (Some(_), None) if b.is_list() => Err(mismatch(&types)),
                (None, Some(_)) if a.is_list() => Err(mismatch(&types)),
                _ => Ok(Type::Bool),
            }
        }
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [a, b]) => match (a, b) {
            (Type::Unknown, _) | (_, Type::Unknown) => Ok(Type::Unknown),
            (a, b) if a.is_list() && b.is_list() && call.func_name == op::ADD => {
                Ok(if let Type::Node(..) = a { *a } else { Type::List })
            }
            (Type::Str | Type::Bytes, _) if a == b && call.func_name == op::ADD => Ok(*a),
            (Type::Int | Type::Uint | Type::Double, _) if a == b => Ok(*a),
            _ => Err(mismatch(&types)),
        },
        (op::CONDITIONAL, [condition, a, b]) => {
            if is_bool(condition) {
                Ok(if a == b { *a } else { Type::Unknown })
            } else {
                Err(mismatch(&types))
            }
        }
        (op::INDEX, [Type::Node(s, _), _]) if s.type_ == "array" => {
            Ok(s.items.as_deref().map_or(Type::Unknown, |i| Type::of(i, false)))
        }
        (op::INDEX, [Type::Node(s, _), _]) => match &s.additional_properties {
            Some(values) => Ok(Type::of(values, false)),
            None => Err(mismatch(&types)),
        },
        (op::IN, [_, b]) if b.scalar().is_some() => Err(mismatch(&types)),
        (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::IN | op::NOT_STRICTLY_FALSE, _) => Ok(Type::Bool),
        (op::OPT_SELECT, [operand, _]) => {
            if let Some(Expr::Literal(LiteralValue::String(field))) = call.args.get(1).map(|a| &a.expr) {
                select(operand, field.inner())?;
            }
            Ok(Type::Unknown)
        }
        _ => Ok(Type::Unknown),
    }
}
