//! Field selectors: `metadata.name=x,status.phase!=Running`, over the few fields that a kind offers.

use serde_json::Value;

use crate::{error::ApiError, kinds::Resource, object};

/// A conjunction of comparisons of fields. The empty one matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    path: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Parses a `fieldSelector` parameter: `a=b,c==d,e!=f`; `\,`, `\=` and `\\` stand for themselves in values.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut terms = Vec::new();
        for part in split_terms(text).into_iter().filter(|part| !part.is_empty()) {
            let (path, equal, raw) = split_term(part).ok_or_else(|| {
                ApiError::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'"))
            })?;
            let value = unescape(raw).map_err(ApiError::bad_request)?;
            terms.push(Term { path: path.to_owned(), equal, value });
        }
        Ok(Self { terms })
    }
    /// Refuses fields that the resource does not offer.
    pub fn check(&self, resource: &Resource) -> Result<(), ApiError> {
        let offered = resource.strategy.selectable_fields();
        let known = |path: &str| match path {
            "metadata.name" => true,
            "metadata.namespace" => resource.namespaced,
            path => offered.iter().any(|o| o == path),
        };
        match self.terms.iter().find(|t| !known(&t.path)) {
            None => Ok(()),
            Some(t) => Err(ApiError::bad_request(if offered.is_empty() && !resource.custom {
                format!("{:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", t.path)
            } else {
                format!("field label not supported: {}", t.path)
            })),
        }
    }
    /// Whether the object, in its served form, satisfies every term.
    pub fn matches(&self, resource: &Resource, object: &Value) -> bool {
        self.terms.iter().all(|t| {
            let found = match t.path.as_str() {
                "metadata.name" => object::name(object).to_owned(),
                "metadata.namespace" => object::namespace(object).to_owned(),
                path => resource.strategy.selectable_field(object, path).unwrap_or_default(),
            };
            (found == t.value) == t.equal
        })
    }
    /// Like [`Self::matches`], from what the key alone tells, which needs no parsed object; `None` when that does not
    /// decide.
    pub fn matches_key(&self, namespace: &str, name: &str) -> Option<bool> {
        let mut decided = true;
        for t in &self.terms {
            let found = match t.path.as_str() {
                "metadata.name" => name,
                "metadata.namespace" => namespace,
                _ => {
                    decided = false;
                    continue;
                }
            };
            if (found == t.value) != t.equal {
                return Some(false);
            }
        }
        decided.then_some(true)
    }
    /// Whether some term names a field that is not in the key, so that objects have to be parsed.
    pub fn reads_objects(&self) -> bool {
        self.terms.iter().any(|t| !matches!(t.path.as_str(), "metadata.name" | "metadata.namespace"))
    }
    /// Demands a value of one more field.
    pub fn require(&mut self, path: &str, value: &str) {
        self.terms.push(Term { path: path.to_owned(), equal: true, value: value.to_owned() });
    }
    /// The one value that `path` must have, when the selector demands one.
    pub fn required(&self, path: &str) -> Option<&str> {
        self.terms.iter().find(|t| t.equal && t.path == path).map(|t| t.value.as_str())
    }
    /// Whether it matches everything.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// Splits at commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                out.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.find(['=', '!'])?;
    let (path, rest) = term.split_at(at);
    [("!=", false), ("==", true), ("=", true)]
        .into_iter()
        .find_map(|(operator, equal)| rest.strip_prefix(operator).map(|value| (path, equal, value)))
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(n @ ('\\' | ',' | '=')) => out.push(n),
                Some(n) => return Err(format!("invalid field selector: invalid escape sequence: \\{n}")),
                None => return Err("invalid field selector: invalid escape sequence: \\".into()),
            },
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {c}")),
            c => out.push(c),
        }
    }
    Ok(out)
}
