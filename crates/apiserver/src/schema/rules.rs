//! `x-kubernetes-validations`: the CEL rules of a schema, compiled when the schema is read, evaluated per object.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    Schema, SchemaRoot,
    cel::{self, Budget, Error, Program, Type, Val},
    lists,
};
use crate::field::{FieldError, FieldErrorKind};

/// Steps for one evaluation of one rule: some tens of milliseconds at worst.
const PER_RULE: u64 = 1_000_000;
/// Steps for all rules of one object.
const PER_OBJECT: u64 = 5_000_000;
/// Longest message that a `messageExpression` may make.
const MAX_MESSAGE: usize = 5 * 1024;

/// A compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    program: Program,
    /// The expression, shown when there is no message.
    text: String,
    message: Option<String>,
    message_program: Option<Program>,
    kind: FieldErrorKind,
    /// Appended to the path of the node, with its leading dot.
    field_path: String,
    /// Reads `oldSelf`.
    transition: bool,
    optional_old: bool,
}

/// A fault of a rule: the field of the rule, and why.
pub(super) struct Fault {
    field: &'static str,
    value: Value,
    kind: FieldErrorKind,
    why: String,
}

impl Rule {
    /// Compiles one element of `x-kubernetes-validations` that stands on `schema`.
    pub(super) fn compile(json: &Value, schema: &Schema) -> Result<Self, Fault> {
        Self::compile_at(json, schema, false)
    }

    fn compile_at(json: &Value, schema: &Schema, root: bool) -> Result<Self, Fault> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::trim).filter(|s| !s.is_empty());
        let fault = |field: &'static str, kind: FieldErrorKind, why: String| Fault {
            field,
            value: json.get(field).cloned().unwrap_or(Value::Null),
            kind,
            why,
        };
        let invalid = |field: &'static str, why: String| fault(field, FieldErrorKind::Invalid, why);
        let source =
            text("rule").ok_or_else(|| fault("rule", FieldErrorKind::Required, "rule is not specified".into()))?;
        let optional_old = json.get("optionalOldSelf") == Some(&Value::Bool(true));
        let self_type = Type::of(schema, root);
        let old_type = if optional_old { Type::Unknown } else { self_type };
        let variables = vec![("self", self_type), ("oldSelf", old_type)];
        let compile = |field: &'static str, source: &str, expected: Type<'_>| {
            Program::compile(source, &variables, expected)
                .map_err(|why| invalid(field, format!("compilation failed: {why}")))
        };
        let program = compile("rule", source, Type::Bool)?;
        let message_program =
            text("messageExpression").map(|m| compile("messageExpression", m, Type::Str)).transpose()?;
        let transition = program.uses("oldSelf") || message_program.as_ref().is_some_and(|m| m.uses("oldSelf"));
        if optional_old && !program.uses("oldSelf") {
            let why = "may not be set if oldSelf is not used in rule";
            return Err(invalid("optionalOldSelf", why.into()));
        }
        let message = text("message");
        if message.is_some_and(|m| m.contains('\n')) {
            return Err(invalid("message", "message must not contain line breaks".into()));
        }
        if message.is_none() && source.contains('\n') && message_program.is_none() {
            let why = "message must be specified if rule contains line breaks".to_owned();
            return Err(fault("message", FieldErrorKind::Required, why));
        }
        let kind = match json.get("reason").and_then(Value::as_str) {
            None | Some("" | "FieldValueInvalid") => FieldErrorKind::Invalid,
            Some("FieldValueForbidden") => FieldErrorKind::Forbidden,
            Some("FieldValueRequired") => FieldErrorKind::Required,
            Some("FieldValueDuplicate") => FieldErrorKind::Duplicate,
            Some(_) => {
                let supported = "supported values: \"FieldValueDuplicate\", \"FieldValueForbidden\", \
                                 \"FieldValueInvalid\", \"FieldValueRequired\"";
                return Err(fault("reason", FieldErrorKind::NotSupported, supported.into()));
            }
        };
        let field_path = match text("fieldPath") {
            Some(path) => field_path(path, schema).map_err(|why| invalid("fieldPath", why))?,
            None => String::new(),
        };
        Ok(Self {
            program,
            text: source.to_owned(),
            message: message.map(str::to_owned),
            message_program,
            kind,
            field_path,
            transition,
            optional_old,
        })
    }
}

/// A JSON path in the dialect of `fieldPath` (`.a.b`, `['a.b']`), as it is appended to an error's path. It must lead to
/// a field that exists.
fn field_path(path: &str, schema: &Schema) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = path;
    let mut node = Some(schema);
    while !rest.is_empty() {
        let (name, tail) = if let Some(quoted) = rest.strip_prefix("['") {
            quoted.split_once("']").ok_or("fieldPath must be a valid path: unterminated ['")?
        } else {
            let plain = rest.strip_prefix('.').ok_or("fieldPath must be a valid path: expected '.' or ['")?;
            let end = plain.find(['.', '[']).unwrap_or(plain.len());
            plain.split_at(end)
        };
        let next = node.and_then(|n| n.property(name));
        if name.is_empty() || next.is_none() {
            return Err(format!("fieldPath must be a valid path: does not refer to a valid field: {path}"));
        }
        let is_map = node.is_some_and(|n| n.additional_properties.is_some());
        let _ = if is_map { write!(out, "[{name}]") } else { write!(out, ".{name}") };
        node = next.map(AsRef::as_ref);
        rest = tail;
    }
    Ok(out)
}

/// Reports every rule of the schema that cannot be used.
pub(super) fn check(root: &Schema, path: &str, errors: &mut Vec<FieldError>) {
    check_node(root, path, true, errors);
}

fn check_node(schema: &Schema, path: &str, root: bool, errors: &mut Vec<FieldError>) {
    if schema.go_type {
        return;
    }
    let rules = schema.keywords.get("x-kubernetes-validations").and_then(Value::as_array);
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        if let Err(fault) = Rule::compile_at(rule, schema, root) {
            let at = format!("{path}.x-kubernetes-validations[{index}].{}", fault.field);
            errors.push(FieldError::new(fault.kind, at, fault.value, fault.why));
        }
    }
    for (name, property) in &schema.properties {
        check_node(property, &format!("{path}.properties[{name}]"), false, errors);
    }
    for (keyword, child) in [("items", &schema.items), ("additionalProperties", &schema.additional_properties)] {
        if let Some(child) = child {
            check_node(child, &format!("{path}.{keyword}"), false, errors);
        }
    }
}

/// Evaluates the rules of a whole object whose shape is valid.
pub(super) fn validate(root: &SchemaRoot, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut walk = Walk { root, path: String::new(), errors: Vec::new(), left: PER_OBJECT };
    walk.node(&root.root, object, old);
    walk.errors
}

struct Walk<'r> {
    root: &'r SchemaRoot,
    path: String,
    errors: Vec<FieldError>,
    left: u64,
}

impl<'r> Walk<'r> {
    fn node(&mut self, schema: &'r Schema, value: &Value, old: Option<&Value>) {
        let schema = self.root.resolve(schema);
        let checks = schema.checks();
        if !checks.rules_below || value.is_null() || self.left == 0 {
            return;
        }
        self.rules(schema, schema, value, old);
        for branch in &checks.all_of {
            self.rules(branch, schema, value, old);
        }
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    let Some(property) = schema.property(name) else { continue };
                    let length = self.path.len();
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    self.node(property, value, old.and_then(|o| o.get(name)));
                    self.path.truncate(length);
                }
            }
            Value::Array(items) => {
                let Some(item) = &schema.items else { return };
                let correlated = lists::Correlation::new(schema, old);
                for (index, value) in items.iter().enumerate() {
                    let length = self.path.len();
                    let _ = write!(self.path, "[{index}]");
                    self.node(item, value, correlated.find(value));
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
    }

    fn rules(&mut self, carrier: &Schema, schema: &Schema, value: &Value, old: Option<&Value>) {
        let rules = &carrier.checks().rules;
        if rules.is_empty() {
            return;
        }
        // Ratcheting: what did not change is not judged anew, except for how it changed.
        let settled = old == Some(value);
        let this = Val::from_json(value, Some(schema));
        let before = old.map(|o| Val::from_json(o, Some(schema)));
        for rule in rules {
            let mut variables = vec![("self", this.clone())];
            match (&before, rule.optional_old) {
                (_, _) if !rule.transition => {
                    if settled {
                        continue;
                    }
                }
                (Some(before), false) => variables.push(("oldSelf", before.clone())),
                (None, false) => continue,
                (before, true) => {
                    variables.push(("oldSelf", Val::Optional(before.clone().map(std::sync::Arc::new))));
                }
            }
            self.rule(rule, schema, &variables);
            if self.left == 0 {
                return;
            }
        }
    }

    fn rule(&mut self, rule: &Rule, schema: &Schema, variables: &[(&str, Val<'_>)]) {
        let allowed = self.left.min(PER_RULE);
        let mut budget = Budget::new(allowed);
        let outcome = cel::evaluate(&rule.program, variables, &mut budget);
        self.left = self.left.saturating_sub(allowed - budget.left());
        let message = || rule.message.clone().unwrap_or_else(|| format!("failed rule: {}", rule.text));
        let (kind, detail) = match outcome {
            Ok(Val::Bool(true)) => return,
            Ok(Val::Bool(false)) => {
                let expressed = rule.message_program.as_ref().and_then(|program| {
                    let allowed = self.left.min(PER_RULE);
                    let mut budget = Budget::new(allowed);
                    let outcome = cel::evaluate(program, variables, &mut budget);
                    self.left = self.left.saturating_sub(allowed - budget.left());
                    match outcome {
                        Ok(Val::Str(s)) => {
                            let s = s.trim();
                            let usable = !s.is_empty() && !s.contains('\n') && s.len() <= MAX_MESSAGE;
                            usable.then(|| s.to_owned())
                        }
                        _ => None,
                    }
                });
                (rule.kind, expressed.unwrap_or_else(message))
            }
            Ok(_) => (FieldErrorKind::Invalid, format!("the rule has no boolean value: {}", rule.text)),
            Err(Error::Budget) => {
                let why = if self.left == 0 {
                    "validation failed due to running out of cost budget, no further validation rules will be run"
                        .into()
                } else {
                    format!("the rule costs more than is allowed on this object: {}", rule.text)
                };
                (FieldErrorKind::Invalid, why)
            }
            Err(Error::NoOverload) => (
                FieldErrorKind::Invalid,
                format!(
                    "call arguments did not match a supported operator, function or macro signature for rule: {}",
                    rule.text
                ),
            ),
            Err(e) => (FieldErrorKind::Invalid, format!("{e} evaluating rule: {}", message())),
        };
        let type_ = if schema.type_.is_empty() { "object" } else { &schema.type_ };
        let path = format!("{}{}", self.path, rule.field_path);
        let path = path.strip_prefix('.').map_or(path.as_str(), |p| p);
        let path = if path.is_empty() { "<nil>" } else { path };
        self.errors.push(FieldError::new(kind, path, type_.into(), detail));
    }
}
