//! The compiled form of a node's value constraints: patterns as automata, bounds as numbers, combinators as schemas, CEL
//! rules as programs. Made once per node.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Number, Value};

use super::{Schema, formats::Format, read::read, rules::Rule};

/// How large a compiled pattern may grow. A pattern beyond it is refused when the schema is read.
const PATTERN_SIZE_LIMIT: usize = 1 << 20;

/// Compiled value constraints.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(super) format: Option<Format>,
    /// `format` as written, for numbers (`int32`) and messages.
    pub(super) format_name: String,
    pub(super) pattern: Option<(String, Regex)>,
    /// Why `pattern` cannot be used.
    pub(super) pattern_error: Option<String>,
    pub(super) enumeration: Option<Vec<Value>>,
    pub(super) minimum: Option<(Number, bool)>,
    pub(super) maximum: Option<(Number, bool)>,
    pub(super) multiple_of: Option<Number>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) min_items: Option<u64>,
    pub(super) max_items: Option<u64>,
    pub(super) unique_items: bool,
    pub(super) min_properties: Option<u64>,
    pub(super) max_properties: Option<u64>,
    pub(super) all_of: Vec<Arc<Schema>>,
    pub(super) any_of: Vec<Arc<Schema>>,
    pub(super) one_of: Vec<Arc<Schema>>,
    pub(super) not: Option<Arc<Schema>>,
    /// CEL rules that stand on this node.
    pub(super) rules: Vec<Rule>,
    /// Some rule stands on this node or below.
    pub(super) rules_below: bool,
    /// Some node at or below this one carries `x-kubernetes-list-type` set or map.
    pub(super) keyed_lists_below: bool,
}

impl Checks {
    /// Compiles `schema.keywords`, and what is below it.
    pub(super) fn compile(schema: &Schema) -> Self {
        let k = &schema.keywords;
        let count = |key: &str| k.get(key).and_then(Value::as_u64);
        let number = |key: &str| match k.get(key) {
            Some(Value::Number(n)) => Some(n.clone()),
            _ => None,
        };
        let flag = |key: &str| k.get(key) == Some(&Value::Bool(true));
        let branches = |key: &str| -> Vec<Arc<Schema>> {
            k.get(key).and_then(Value::as_array).into_iter().flatten().map(|b| Arc::new(read(b, false))).collect()
        };
        let format_name = k.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut checks = Self {
            format: Format::named(&format_name),
            format_name,
            enumeration: k.get("enum").and_then(Value::as_array).cloned(),
            minimum: number("minimum").map(|n| (n, flag("exclusiveMinimum"))),
            maximum: number("maximum").map(|n| (n, flag("exclusiveMaximum"))),
            multiple_of: number("multipleOf"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            unique_items: flag("uniqueItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            all_of: branches("allOf"),
            any_of: branches("anyOf"),
            one_of: branches("oneOf"),
            not: k.get("not").filter(|n| n.is_object()).map(|n| Arc::new(read(n, false))),
            ..Self::default()
        };
        if let Some(pattern) = k.get("pattern").and_then(Value::as_str) {
            match compile_pattern(pattern) {
                Ok(regex) => checks.pattern = Some((pattern.to_owned(), regex)),
                Err(why) => checks.pattern_error = Some(why),
            }
        }
        // Built-in types carry no rules, and may refer to themselves.
        if schema.go_type {
            return checks;
        }
        let rules = k.get("x-kubernetes-validations").and_then(Value::as_array);
        checks.rules = rules.into_iter().flatten().filter_map(|r| Rule::compile(r, schema).ok()).collect();
        let children = || schema.properties.values().chain(&schema.additional_properties).chain(&schema.items);
        checks.rules_below = !checks.rules.is_empty()
            || children().any(|c| c.checks().rules_below)
            || checks.all_of.iter().any(|c| c.checks().rules_below);
        checks.keyed_lists_below =
            schema.list_type != super::ListType::Atomic || children().any(|c| c.checks().keyed_lists_below);
        checks
    }
}

/// A pattern in Go's RE2 syntax, unanchored. The two syntaxes agree but for `\Z`-like rarities and `\C`, which neither
/// documents for schemas; what does not compile is refused when the schema is read.
pub(crate) fn compile_pattern(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_LIMIT).build().map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => "the compiled expression is too large".to_owned(),
        e => e.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}
