//! Comprehensions, and the macros that the parser leaves as calls because their arguments are not values.

use std::sync::Arc;

use kube_cel::cel::{
    common::ast::{ComprehensionExpr, Expr, operators as op},
    parser::Expression,
};

use super::{
    eval::{Error, Evaluator, Outcome},
    operators::compare,
    value::Val,
};

impl<'a> Evaluator<'a, '_> {
    /// Macros that the parser leaves as calls: their arguments are not values.
    pub(super) fn macros(&mut self, name: &str, target: &Val<'a>, args: &'a [Expression]) -> Option<Outcome<'a>> {
        let ident = |e: &'a Expression| match &e.expr {
            Expr::Ident(name) => Some(name.as_str()),
            _ => None,
        };
        match (name, args) {
            ("optMap" | "optFlatMap", [var, body]) => {
                let var = ident(var)?;
                Some(match target {
                    Val::Optional(None) => Ok(Val::Optional(None)),
                    Val::Optional(Some(inner)) => {
                        let value = self.with(&[(var, (**inner).clone())], body);
                        if name == "optMap" { value.map(|v| Val::Optional(Some(Arc::new(v)))) } else { value }
                    }
                    _ => Err(Error::NoOverload),
                })
            }
            ("sortBy", [var, body]) => {
                let var = ident(var)?;
                Some(self.sort_by(target, var, body))
            }
            ("all" | "exists" | "existsOne" | "exists_one", [key, value, body]) => {
                let (key, value) = (ident(key)?, ident(value)?);
                Some(self.quantify(name, target, key, value, body))
            }
            ("transformList" | "transformMap", [key, value, rest @ ..]) if matches!(rest.len(), 1 | 2) => {
                let (key, value) = (ident(key)?, ident(value)?);
                Some(self.transform(name == "transformMap", target, key, value, rest))
            }
            _ => None,
        }
    }

    fn with(&mut self, variables: &[(&'a str, Val<'a>)], body: &'a Expression) -> Outcome<'a> {
        let length = self.scope.len();
        self.scope.extend(variables.iter().map(|(n, v)| (*n, Ok(v.clone()))));
        let value = self.eval(body);
        self.scope.truncate(length);
        value
    }

    /// Key and value of each element: index and item of a list.
    fn pairs(&mut self, target: &Val<'a>) -> Result<Vec<(Val<'a>, Val<'a>)>, Error> {
        self.charge(target.len().ok_or(Error::NoOverload)?)?;
        if let Some(entries) = target.entries() {
            return Ok(entries);
        }
        let items = target.items().ok_or(Error::NoOverload)?;
        Ok((0_i64..).map(Val::Int).zip(items).collect())
    }

    fn quantify(
        &mut self,
        name: &str,
        target: &Val<'a>,
        key: &'a str,
        value: &'a str,
        body: &'a Expression,
    ) -> Outcome<'a> {
        let mut count = 0;
        let mut failure = None;
        for (k, v) in self.pairs(target)? {
            match (name, self.with(&[(key, k), (value, v)], body)) {
                ("all", Ok(Val::Bool(false))) => return Ok(Val::Bool(false)),
                ("exists", Ok(Val::Bool(true))) => return Ok(Val::Bool(true)),
                (_, Ok(Val::Bool(b))) => count += usize::from(b),
                (_, Err(Error::Budget)) => return Err(Error::Budget),
                (_, Ok(_)) => failure = Some(Error::NoOverload),
                (_, Err(e)) => failure = Some(e),
            }
        }
        match (failure, name) {
            (Some(e), _) => Err(e),
            (None, "all") => Ok(Val::Bool(true)),
            (None, "exists") => Ok(Val::Bool(false)),
            (None, _) => Ok(Val::Bool(count == 1)),
        }
    }

    fn transform(
        &mut self,
        to_map: bool,
        target: &Val<'a>,
        key: &'a str,
        value: &'a str,
        rest: &'a [Expression],
    ) -> Outcome<'a> {
        let (filter, body) = match rest {
            [body] => (None, body),
            [filter, body] => (Some(filter), body),
            _ => return Err(Error::NoOverload),
        };
        let mut out = Vec::new();
        for (k, v) in self.pairs(target)? {
            let variables = [(key, k.clone()), (value, v)];
            if let Some(filter) = filter {
                match self.with(&variables, filter)? {
                    Val::Bool(true) => {}
                    Val::Bool(false) => continue,
                    _ => return Err(Error::NoOverload),
                }
            }
            out.push((k, self.with(&variables, body)?));
        }
        Ok(if to_map {
            Val::Map(Arc::new(out))
        } else {
            Val::List(Arc::new(out.into_iter().map(|(_, v)| v).collect()))
        })
    }

    fn sort_by(&mut self, target: &Val<'a>, var: &'a str, body: &'a Expression) -> Outcome<'a> {
        let items = target.items().ok_or(Error::NoOverload)?;
        self.charge(items.len())?;
        let mut keyed = Vec::with_capacity(items.len());
        for item in items {
            keyed.push((self.with(&[(var, item.clone())], body)?, item));
        }
        let mut comparable = true;
        keyed.sort_by(|(a, _), (b, _)| {
            compare(a, b).unwrap_or_else(|| {
                comparable = false;
                std::cmp::Ordering::Equal
            })
        });
        if comparable {
            Ok(Val::List(Arc::new(keyed.into_iter().map(|(_, v)| v).collect())))
        } else {
            Err(Error::NoOverload)
        }
    }

    pub(super) fn comprehension(&mut self, c: &'a ComprehensionExpr) -> Outcome<'a> {
        let range = self.eval(&c.iter_range)?;
        // Over a map, the variable is the key.
        let items: Vec<Val<'a>> = match range.entries() {
            Some(entries) => entries.into_iter().map(|(k, _)| k).collect(),
            None => range.items().ok_or(Error::NoOverload)?,
        };
        self.charge(items.len())?;
        let accumulator = self.eval(&c.accu_init);
        let base = self.scope.len();
        self.scope.push((&c.accu_var, accumulator));
        let outcome = self.iterate(c, items, base);
        self.scope.truncate(base);
        outcome
    }

    fn iterate(&mut self, c: &'a ComprehensionExpr, items: Vec<Val<'a>>, accumulator: usize) -> Outcome<'a> {
        for item in items {
            match self.eval(&c.loop_cond)? {
                Val::Bool(true) => {}
                Val::Bool(false) => break,
                _ => return Err(Error::NoOverload),
            }
            self.scope.push((&c.iter_var, Ok(item)));
            let next = match self.append(&c.loop_step, &c.accu_var, accumulator) {
                Some(done) => done.map(|()| None),
                None => Ok(Some(self.eval(&c.loop_step))),
            };
            self.scope.truncate(accumulator + 1);
            match next? {
                Some(Err(Error::Budget)) => return Err(Error::Budget),
                Some(value) => self.scope[accumulator].1 = value,
                None => {}
            }
        }
        self.eval(&c.result)
    }

    /// The steps of `map` and `filter`, `filter ? result + [x] : result`, in place: copying the list for every element
    /// would make them quadratic. `None` when the step is something else.
    fn append(&mut self, step: &'a Expression, accu: &str, slot: usize) -> Option<Result<(), Error>> {
        let call = |e: &'a Expression| match &e.expr {
            Expr::Call(c) if c.target.is_none() => Some(c),
            _ => None,
        };
        let is_accu = |e: &Expression| matches!(&e.expr, Expr::Ident(name) if name == accu);
        let outer = call(step)?;
        let (filter, add) = match (outer.func_name.as_str(), outer.args.as_slice()) {
            (op::CONDITIONAL, [filter, add, otherwise]) if is_accu(otherwise) => (Some(filter), call(add)?),
            (op::ADD, _) => (None, outer),
            _ => return None,
        };
        let (op::ADD, [left, right]) = (add.func_name.as_str(), add.args.as_slice()) else { return None };
        let Expr::List(list) = &right.expr else { return None };
        let [element] = list.elements.as_slice() else { return None };
        if !is_accu(left) || !list.optional_indices.is_empty() || !matches!(self.scope[slot].1, Ok(Val::List(_))) {
            return None;
        }
        let mut run = || -> Result<(), Error> {
            if let Some(filter) = filter {
                match self.eval(filter)? {
                    Val::Bool(true) => {}
                    Val::Bool(false) => return Ok(()),
                    _ => return Err(Error::NoOverload),
                }
            }
            let value = self.eval(element)?;
            if let Ok(Val::List(items)) = &mut self.scope[slot].1 {
                Arc::make_mut(items).push(value);
            }
            Ok(())
        };
        Some(run())
    }
}
