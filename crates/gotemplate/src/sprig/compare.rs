//! Deep equality. Role: Go's `reflect.DeepEqual` for `has`, `uniq`, `without` and `deepEqual`.
//!
//! Invariant: bounded in depth and in the number of values looked at, because a template can build values that share parts so often
//! that a plain walk would never end.

use crate::func::FuncError;
use crate::gofmt::MAX_DEPTH;
use crate::value::{Str, Value};

/// How many pairs of values one call compares.
const MAX_PAIRS: usize = 1 << 20;

/// Compares any number of pairs within one budget.
pub(super) struct Comparer {
    left: usize,
}

impl Comparer {
    pub(super) fn new() -> Self {
        Self { left: MAX_PAIRS }
    }

    /// Whether two values have the same type and the same content.
    pub(super) fn equal(&mut self, a: &Value, b: &Value) -> Result<bool, FuncError> {
        self.walk(a, b, MAX_DEPTH)
    }

    fn walk(&mut self, a: &Value, b: &Value, depth: usize) -> Result<bool, FuncError> {
        if self.left == 0 || depth == 0 {
            return Err("the values are too large to compare".into());
        }
        self.left -= 1;
        match (a, b) {
            (Value::List(x), Value::List(y)) => {
                if x.go_type() != y.go_type() || x.len() != y.len() {
                    return Ok(false);
                }
                if x.address() == y.address() {
                    return Ok(true);
                }
                self.all(x.iter().zip(y.iter()), depth)
            }
            (Value::Map(x), Value::Map(y)) => {
                if x.go_type() != y.go_type() || x.len() != y.len() {
                    return Ok(false);
                }
                if x.address() == y.address() {
                    return Ok(true);
                }
                let (x, y) = (x.entries(), y.entries());
                Ok(x.iter().map(|e| &e.0).eq(y.iter().map(|e| &e.0))
                    && self.all(x.iter().map(|e| &e.1).zip(y.iter().map(|e| &e.1)), depth)?)
            }
            (Value::Struct(x), Value::Struct(y)) => {
                let names = |s: &crate::value::Struct| s.fields().map(|f| f.0.clone()).collect::<Vec<Str>>();
                Ok(x.name() == y.name()
                    && names(x) == names(y)
                    && self.all(x.fields().map(|f| f.1).zip(y.fields().map(|f| f.1)), depth)?)
            }
            (Value::Func(_), _) => Ok(false),
            _ => Ok(a == b),
        }
    }

    fn all<'v>(
        &mut self,
        mut pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
        depth: usize,
    ) -> Result<bool, FuncError> {
        pairs.try_fold(true, |same, (a, b)| Ok(same && self.walk(a, b, depth - 1)?))
    }
}
