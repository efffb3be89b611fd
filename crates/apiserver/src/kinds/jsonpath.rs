//! `JSONPath` as printer columns, `selectableFields` and the scale subresource use it: the dialect of `kubectl -o jsonpath`
//! without its templates. Fields, quoted keys, indexes, slices, unions, wildcards, recursive descent and filters with
//! one comparison.

mod parse;

use std::cmp::Ordering;

use serde_json::Value;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
    /// Every value of a list or map.
    Each,
    /// The value and everything below it.
    Descend,
    Filter(Box<Filter>),
    Union(Vec<Step>),
}

#[derive(Debug, Clone, PartialEq)]
struct Filter {
    left: Operand,
    /// `None`: the path on the left exists.
    right: Option<(Comparison, Operand)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(JsonPath),
    Literal(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Different,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Parses a path such as `.status.conditions[?(@.type=="Ready")].status`; braces and a leading `$` are optional.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::path(text)
    }

    /// All values that the path names, in document order. What is missing is skipped.
    pub fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![root];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                step.walk(value, &mut next);
            }
            found = next;
        }
        found
    }

    /// The first value that the path names.
    pub fn first<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.find(root).into_iter().next()
    }

    /// The field names, when the path consists of nothing else: such a path can also be written to.
    pub fn plain_fields(&self) -> Option<Vec<&str>> {
        let fields = self.steps.iter().map(|s| if let Step::Field(f) = s { Some(f.as_str()) } else { None });
        fields.collect()
    }
}

impl Step {
    fn walk<'a>(&self, value: &'a Value, out: &mut Vec<&'a Value>) {
        match (self, value) {
            (Self::Field(f), Value::Object(map)) => out.extend(map.get(f)),
            (Self::Index(i), Value::Array(list)) => {
                out.extend(position(*i, list.len()).and_then(|at| list.get(at)));
            }
            (Self::Slice { start, end, step }, Value::Array(list)) => {
                let bound = |b: Option<i64>, default: usize| match b {
                    None => default,
                    Some(b) if b < 0 => {
                        list.len().saturating_sub(usize::try_from(b.unsigned_abs()).unwrap_or(usize::MAX))
                    }
                    Some(b) => usize::try_from(b).unwrap_or(usize::MAX).min(list.len()),
                };
                let (from, to) = (bound(*start, 0), bound(*end, list.len()));
                let stride = usize::try_from(*step).unwrap_or(1).max(1);
                out.extend(list.iter().take(to).skip(from).step_by(stride));
            }
            (Self::Each, Value::Array(list)) => out.extend(list),
            (Self::Each, Value::Object(map)) => out.extend(map.values()),
            (Self::Descend, _) => descend(value, out),
            (Self::Filter(f), Value::Array(list)) => out.extend(list.iter().filter(|item| f.holds(item))),
            (Self::Union(steps), _) => steps.iter().for_each(|s| s.walk(value, out)),
            _ => {}
        }
    }
}

fn position(index: i64, len: usize) -> Option<usize> {
    if index >= 0 {
        return usize::try_from(index).ok();
    }
    len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
}

fn descend<'a>(value: &'a Value, out: &mut Vec<&'a Value>) {
    out.push(value);
    match value {
        Value::Array(list) => list.iter().for_each(|v| descend(v, out)),
        Value::Object(map) => map.values().for_each(|v| descend(v, out)),
        _ => {}
    }
}

impl Operand {
    fn value<'a>(&'a self, item: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Path(p) => p.first(item),
            Self::Literal(v) => Some(v),
        }
    }
}

impl Filter {
    fn holds(&self, item: &Value) -> bool {
        let Some(left) = self.left.value(item) else { return false };
        let Some((comparison, right)) = &self.right else { return true };
        let Some(right) = right.value(item) else { return false };
        let order = match (left, right) {
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
            (a, b) if a == b => Some(Ordering::Equal),
            _ => None,
        };
        match comparison {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::Different => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

#[cfg(test)]
mod tests;
