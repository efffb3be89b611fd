//! Label and field selectors of list, watch and deletecollection (API concepts, "Labels and Selectors", "Field
//! Selectors"). Parsing happens once per request; matching is cheap and pure.

mod fields;
mod lexer;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::fields::FieldSelector;
use self::lexer::{Context, Parser, Token};
use super::{cells, names};
use crate::error::ApiError;

/// A conjunction of requirements on labels. The empty one matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

impl LabelSelector {
    /// Parses a `labelSelector` parameter: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        parse(text).map(|requirements| Self { requirements }).map_err(ApiError::bad_request)
    }
    /// Whether these labels satisfy every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|r| r.test.holds(labels.get(&r.key).map(String::as_str)))
    }
    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
    /// A `meta/v1` `LabelSelector` object (`matchLabels`, `matchExpressions`), or what is wrong with it.
    pub fn from_object(selector: &Value) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            requirements.push(Requirement::checked(key.clone(), Test::In(vec![value.to_owned()]))?);
        }
        for e in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let text = |k: &str| e.get(k).and_then(Value::as_str).unwrap_or_default();
            let values: Vec<String> = e
                .get("values")
                .and_then(Value::as_array)
                .map(|l| l.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default();
            let requirement = match text("operator") {
                "In" => Test::In(values),
                "NotIn" => Test::NotIn(values),
                "Exists" if values.is_empty() => Test::Exists,
                "DoesNotExist" if values.is_empty() => Test::Missing,
                "Exists" | "DoesNotExist" => {
                    return Err("values set must be empty for exists and does not exist".into());
                }
                other => return Err(format!("{other:?} is not a valid label selector operator")),
            };
            requirements.push(Requirement::checked(text("key").to_owned(), requirement)?);
        }
        Ok(Self { requirements })
    }
}

impl Requirement {
    fn checked(key: String, test: Test) -> Result<Self, String> {
        check_key(&key)?;
        if let Test::In(values) | Test::NotIn(values) = &test {
            if values.is_empty() {
                return Err("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty".into());
            }
            for (i, v) in values.iter().enumerate() {
                if let Some(e) = names::label_value(v) {
                    return Err(format!("values[{i}][{key}]: Invalid value: {v:?}: {e}"));
                }
            }
        }
        Ok(Self { key, test })
    }
}

fn check_key(key: &str) -> Result<(), String> {
    match names::qualified_name(key) {
        // "<nil>" is where Kubernetes' own parser says that the key has no field path.
        Some(e) => Err(format!("<nil>: Invalid value: {key:?}: {e}")),
        None => Ok(()),
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::In(set) => value.is_some_and(|v| set.iter().any(|s| s == v)),
            // An absent label is "not in" any set.
            Self::NotIn(set) => value.is_none_or(|v| set.iter().all(|s| s != v)),
            Self::Greater(n) => value.and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v > *n),
            Self::Less(n) => value.and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v < *n),
        }
    }
}

/// A `LabelSelector` object as the text that a `labelSelector` parameter would be; empty when it selects everything.
pub fn object_text(selector: &Value) -> String {
    let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut terms: Vec<String> = labels.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    for e in cells::list(selector, "matchExpressions") {
        let key = cells::text(e, "key");
        let mut values = super::crd::names::strings(&e["values"]);
        values.sort();
        let values = values.join(",");
        terms.push(match cells::text(e, "operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.sort();
    terms.join(",")
}

fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut p = Parser::new(text);
    let mut out = Vec::new();
    loop {
        match p.peek(Context::Values) {
            (Token::Identifier | Token::Not, _) => {
                out.push(requirement(&mut p).map_err(|e| format!("unable to parse requirement: {e}"))?);
                match p.take(Context::Values) {
                    (Token::End, _) => return Ok(out),
                    (Token::Comma, _) => {
                        let (next, literal) = p.peek(Context::Values);
                        if !matches!(next, Token::Identifier | Token::Not) {
                            return Err(format!("found '{literal}', expected: identifier after ','"));
                        }
                    }
                    (_, literal) => return Err(format!("found '{literal}', expected: ',' or 'end of string'")),
                }
            }
            (Token::End, _) => return Ok(out),
            (_, literal) => return Err(format!("found '{literal}', expected: !, identifier, or 'end of string'")),
        }
    }
}

fn requirement(p: &mut Parser<'_>) -> Result<Requirement, String> {
    let (mut token, mut key) = p.take(Context::Values);
    let negated = token == Token::Not;
    if negated {
        (token, key) = p.take(Context::Values);
    }
    if token != Token::Identifier {
        return Err(format!("found '{key}', expected: identifier"));
    }
    check_key(&key)?;
    if negated {
        return Ok(Requirement { key, test: Test::Missing });
    }
    if matches!(p.peek(Context::Values).0, Token::End | Token::Comma) {
        return Ok(Requirement { key, test: Test::Exists });
    }
    let (operator, literal) = p.take(Context::KeyAndOperator);
    let test = match operator {
        Token::In => Test::In(values(p)?),
        Token::NotIn => Test::NotIn(values(p)?),
        Token::Equals => Test::In(vec![exact_value(p)?]),
        Token::NotEquals => Test::NotIn(vec![exact_value(p)?]),
        Token::Greater => Test::Greater(integer(&exact_value(p)?)?),
        Token::Less => Test::Less(integer(&exact_value(p)?)?),
        _ => return Err(format!("found '{literal}', expected: in, notin, =, ==, !=, gt, lt")),
    };
    Requirement::checked(key, test)
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| {
        format!("values[0]: Invalid value: {text:?}: for 'Gt', 'Lt' operators, the value must be an integer")
    })
}

fn exact_value(p: &mut Parser<'_>) -> Result<String, String> {
    if matches!(p.peek(Context::Values).0, Token::End | Token::Comma) {
        return Ok(String::new());
    }
    match p.take(Context::Values) {
        (Token::Identifier, literal) => Ok(literal),
        (_, literal) => Err(format!("found '{literal}', expected: identifier")),
    }
}

/// `(a,b)`: empty places stand for the empty value.
fn values(p: &mut Parser<'_>) -> Result<Vec<String>, String> {
    let (token, literal) = p.take(Context::Values);
    if token != Token::Open {
        return Err(format!("found '{literal}' expected: '('"));
    }
    let mut set = Vec::new();
    if p.peek(Context::Values).0 == Token::Close {
        p.take(Context::Values);
        return Ok(set);
    }
    loop {
        match p.peek(Context::Values) {
            (Token::Identifier, _) => set.push(p.take(Context::Values).1),
            (Token::Comma | Token::Close, _) => set.push(String::new()),
            (_, literal) => return Err(format!("found '{literal}', expected: ',', ')' or identifier")),
        }
        match p.take(Context::Values) {
            (Token::Comma, _) => {}
            (Token::Close, _) => break,
            (_, literal) => return Err(format!("found '{literal}', expected: ',' or ')'")),
        }
    }
    set.sort();
    set.dedup();
    Ok(set)
}

#[cfg(test)]
mod tests;
