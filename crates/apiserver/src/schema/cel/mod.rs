//! The Common Expression Language as `CustomResourceDefinition`s use it ("Validation rules" in the Kubernetes
//! documentation; the language definition of cel-spec).
//!
//! Parsing and the Kubernetes function libraries come from `kube-cel`. Evaluation is here, over borrowed JSON and its
//! schema, because the engine's own evaluator copies every value it touches, answers `false` where a field of a scalar
//! is read, aborts on message literals and cannot be stopped. Invariants: evaluation never panics and ends within its
//! [`Budget`], whatever the expression and the object; nothing is compiled while a request waits except a pattern that
//! the object itself supplies.

use std::collections::HashMap;

use kube_cel::cel::{
    common::ast::{EntryExpr, Expr, LiteralValue},
    parser::{Expression, Parser},
};
use regex::Regex;

use super::checks::compile_pattern;

mod check;
mod convert;
mod eval;
mod foreign;
mod library;
mod macros;
mod operators;
mod time;
mod value;

pub(super) use check::{Type, Variables};
pub(super) use eval::{Budget, Error, evaluate};
pub(super) use value::Val;

/// Longest expression. The rules of published CRDs stay far below.
const MAX_LENGTH: usize = 16 * 1024;
/// Deepest syntax tree; evaluation recurses as deep.
const MAX_DEPTH: usize = 200;

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Program {
    expression: Expression,
    /// The patterns of `matches` that are literals.
    patterns: HashMap<String, Regex>,
}

impl Program {
    /// Parses and checks `source`; the error is the text that follows `compilation failed:`.
    pub(super) fn compile(source: &str, variables: &Variables<'_>, expected: Type<'_>) -> Result<Self, String> {
        if source.len() > MAX_LENGTH {
            return Err(format!("the expression is longer than {MAX_LENGTH} bytes"));
        }
        let parser = Parser::new().enable_optional_syntax(true);
        let parsed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| parser.parse(source)));
        let expression = match parsed {
            Ok(Ok(expression)) => expression,
            Ok(Err(errors)) => {
                let texts = errors.errors.iter().map(|e| format!("{}:{}: {}", e.pos.0, e.pos.1, e.msg));
                return Err(texts.collect::<Vec<_>>().join("; "));
            }
            Err(_) => return Err("the expression cannot be parsed".into()),
        };
        let mut patterns = HashMap::new();
        survey(&expression, 0, &mut patterns)?;
        check::check(&expression, variables, expected)?;
        Ok(Self { expression, patterns })
    }

    /// Whether the expression uses a variable.
    pub(super) fn uses(&self, variable: &str) -> bool {
        self.expression.references().has_variable(variable)
    }
}

/// Bounds the depth and compiles literal patterns.
fn survey(e: &Expression, depth: usize, patterns: &mut HashMap<String, Regex>) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("the expression is nested deeper than {MAX_DEPTH}"));
    }
    let mut below = |e: &Expression| survey(e, depth + 1, patterns);
    match &e.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Struct(s) => return Err(format!("undeclared reference to '{}'", s.type_name)),
        Expr::Select(s) => below(&s.operand)?,
        Expr::List(l) => l.elements.iter().try_for_each(below)?,
        Expr::Map(m) => {
            for entry in &m.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    below(&entry.key)?;
                    below(&entry.value)?;
                }
            }
        }
        Expr::Comprehension(c) => {
            for part in [&c.iter_range, &c.accu_init, &c.loop_cond, &c.loop_step, &c.result] {
                below(part)?;
            }
        }
        Expr::Call(call) => {
            call.target.iter().map(AsRef::as_ref).chain(&call.args).try_for_each(below)?;
            if call.func_name == "matches"
                && let Some(Expr::Literal(LiteralValue::String(pattern))) = call.args.last().map(|a| &a.expr)
            {
                let regex =
                    compile_pattern(pattern.inner()).map_err(|why| format!("invalid matches argument: {why}"))?;
                patterns.insert(pattern.inner().to_owned(), regex);
            }
        }
    }
    Ok(())
}
