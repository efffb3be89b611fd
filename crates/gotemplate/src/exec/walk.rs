//! Statements: text, output, control structures and template calls.

use super::val::Val;
use super::{At, Exec, HARD_RECURSION, State};
use crate::error::ErrorKind;
use crate::gofmt::{Printer, sprint};
use crate::parse::node::{Branch, Call, Node, NodeKind, Pipe};
use crate::value::{Kind, Number, Value};

/// How a list of statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'a> State<'a, '_> {
    pub(super) fn walk(&mut self, dot: &Val<'a>, nodes: &'a [Node]) -> Exec<Flow> {
        for node in nodes {
            self.at(node);
            self.charge(1)?;
            match &node.kind {
                NodeKind::Text(span) => self.write(span.of(&self.tree.source))?,
                NodeKind::Action(pipe) => {
                    let value = self.pipeline(dot, node.pos, pipe)?;
                    if pipe.decl.is_empty() {
                        self.at(node);
                        self.print(node, &value)?;
                    }
                }
                NodeKind::If(branch) => match self.if_or_with(dot, branch, false)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                },
                NodeKind::With(branch) => match self.if_or_with(dot, branch, true)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                },
                NodeKind::Range(branch) => match self.range(dot, branch)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                },
                NodeKind::Template(call) => self.template(dot, call)?,
                NodeKind::Break => return Ok(Flow::Break),
                NodeKind::Continue => return Ok(Flow::Continue),
                _ => return Err(self.error(format!("unknown node: {}", self.shown(node)))),
            }
        }
        Ok(Flow::Next)
    }

    /// Writes a value as `print` would.
    fn print(&mut self, node: &'a Node, value: &Val<'a>) -> Exec<()> {
        match value.some() {
            None => self.write(b"<no value>"),
            Some(Value::String(s)) => self.write(s),
            Some(Value::Func(f)) => {
                let (shown, ty) = (self.shown(node), f.go_type());
                Err(self.error(format!("can't print {shown} of type {ty}")))
            }
            Some(other) => {
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                let mut printer = Printer::new(&mut scratch, self.limits().output_bytes);
                printer.print(std::iter::once(other));
                let result = match printer.finish() {
                    Ok(()) => self.write(&scratch),
                    Err(why) => Err(self.stopped(why)),
                };
                self.scratch = scratch;
                result
            }
        }
    }

    fn branch_pipe(&mut self, dot: &Val<'a>, branch: &'a Branch) -> Exec<(Val<'a>, &'a Pipe)> {
        let NodeKind::Pipe(pipe) = &branch.pipe.kind else { return Err(self.error("not a pipeline")) };
        Ok((self.pipeline(dot, branch.pipe.pos, pipe)?, pipe))
    }

    fn if_or_with(&mut self, dot: &Val<'a>, branch: &'a Branch, with: bool) -> Exec<Flow> {
        let mark = self.vars.len();
        let (value, _) = self.branch_pipe(dot, branch)?;
        let flow = self.deeper(|s| {
            if value.truth() {
                s.walk(if with { &value } else { dot }, &branch.list)
            } else if let Some(list) = &branch.otherwise {
                s.walk(dot, list)
            } else {
                Ok(Flow::Next)
            }
        })?;
        self.vars.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Val<'a>, branch: &'a Branch) -> Exec<Flow> {
        let before = self.vars.len();
        let (value, pipe) = self.branch_pipe(dot, branch)?;
        let ran = self.deeper(|s| s.iterate(&value, pipe, branch))?;
        let flow = match (&branch.otherwise, ran) {
            (Some(list), false) => self.deeper(|s| s.walk(dot, list))?,
            _ => Flow::Next,
        };
        self.vars.truncate(before);
        Ok(flow)
    }

    /// Runs the body for every element; false if there was none.
    fn iterate(&mut self, value: &Val<'a>, pipe: &'a Pipe, branch: &'a Branch) -> Exec<bool> {
        let Some(inner) = value.some() else { return Ok(false) };
        match inner {
            Value::List(list) => {
                let any = list.elem().is_interface();
                let borrowed = match value.get_ref() {
                    Some(Value::List(list)) => Some(&**list),
                    _ => None,
                };
                for (i, item) in list.iter().enumerate() {
                    let elem = match borrowed {
                        Some(items) => Val::element(&items[i], any),
                        None => Val::owned_element(item.clone(), any),
                    };
                    let index = i64::try_from(i).unwrap_or(i64::MAX);
                    if self.iteration(pipe, branch, || Val::owned(index), &elem)? == Flow::Break {
                        break;
                    }
                }
                Ok(!list.is_empty())
            }
            Value::Map(map) => {
                let any = map.elem().is_interface();
                if let Some(Value::Map(map)) = value.get_ref()
                    && let Some(entries) = map.fixed()
                {
                    for (key, item) in entries {
                        let key = || Val::owned(key.clone());
                        if self.iteration(pipe, branch, key, &Val::element(item, any))? == Flow::Break {
                            break;
                        }
                    }
                    return Ok(!entries.is_empty());
                }
                let entries = map.entries();
                let ran = !entries.is_empty();
                for (key, item) in entries {
                    let elem = Val::owned_element(item, any);
                    if self.iteration(pipe, branch, || Val::owned(key), &elem)? == Flow::Break {
                        break;
                    }
                }
                Ok(ran)
            }
            other if matches!(other.kind(), Kind::Int | Kind::Uint) => {
                if pipe.decl.len() > 1 {
                    let shown = lossy(other);
                    return Err(self.error(format!("can't use {shown} to iterate over more than one variable")));
                }
                let end = match other {
                    Value::Uint(u) => *u,
                    Value::Number(n) if n.kind() == Kind::Uint => n.bits(),
                    _ => other.as_i64().and_then(|i| u64::try_from(i).ok()).unwrap_or(0),
                };
                for i in 0..end {
                    let elem = Val::owned(same_type(other, i));
                    if self.iteration(pipe, branch, || Val::ABSENT, &elem)? == Flow::Break {
                        break;
                    }
                }
                Ok(end > 0)
            }
            other => Err(self.error(format!("range can't iterate over {}", lossy(other)))),
        }
    }

    fn iteration(
        &mut self,
        pipe: &'a Pipe,
        branch: &'a Branch,
        index: impl FnOnce() -> Val<'a>,
        elem: &Val<'a>,
    ) -> Exec<Flow> {
        self.charge(1)?;
        match (&pipe.decl[..], pipe.assign) {
            ([], _) => {}
            ([one], true) => self.set_var(one.id, elem.clone())?,
            ([one, two, ..], true) => {
                self.set_var(one.id, index())?;
                self.set_var(two.id, elem.clone())?;
            }
            ([_], false) => self.set_top(1, elem.clone()),
            ([_, _, ..], false) => {
                self.set_top(1, elem.clone());
                self.set_top(2, index());
            }
        }
        let mark = self.vars.len();
        let flow = self.walk(elem, &branch.list)?;
        self.vars.truncate(mark);
        Ok(flow)
    }

    /// Sets the variable that is the `n`th from the top.
    fn set_top(&mut self, n: usize, value: Val<'a>) {
        if let Some(place) = self.vars.len().checked_sub(n) {
            self.vars[place].1 = value;
        }
    }

    fn template(&mut self, dot: &Val<'a>, call: &'a Call) -> Exec<()> {
        let Some(tree) = self.program.trees.get(&call.name) else {
            return Err(self.error(format!("template {} not defined", crate::gofmt::quote(&call.name))));
        };
        let limit = self.limits().recursion.min(HARD_RECURSION);
        if self.calls >= limit {
            let reason = format!("exceeded maximum template depth ({limit})");
            return Err(self.error_of(ErrorKind::Limit, reason));
        }
        let dot = match &call.pipe {
            Some(Node { pos, kind: NodeKind::Pipe(pipe) }) => self.pipeline(dot, *pos, pipe)?,
            _ => Val::ABSENT,
        };
        let caller = (self.tree, self.at, self.base);
        let mark = self.vars.len();
        self.tree = tree;
        self.base = mark;
        self.vars.push((0, dot.clone()));
        self.calls += 1;
        self.deeper(|s| s.walk(&dot, &tree.root))?;
        self.calls -= 1;
        self.vars.truncate(mark);
        (self.tree, self.at, self.base) = caller;
        Ok(())
    }

    /// Evaluates a pipeline, and declares or assigns its variables.
    pub(super) fn pipeline(&mut self, dot: &Val<'a>, pos: u32, pipe: &'a Pipe) -> Exec<Val<'a>> {
        self.at = Some(At::Pipe(pos, pipe));
        let mut value = self.command(dot, &pipe.first, None)?.unwrapped();
        for command in &pipe.more {
            value = self.command(dot, command, Some(value))?.unwrapped();
        }
        for variable in &pipe.decl {
            if pipe.assign {
                self.set_var(variable.id, value.clone())?;
            } else {
                self.vars.push((variable.id, value.clone()));
            }
        }
        Ok(value)
    }
}

fn lossy(value: &Value) -> String {
    String::from_utf8_lossy(&sprint(std::slice::from_ref(value))).into_owned()
}

/// The number `i` in the type of the bound that it counts up to.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "below a bound of the same type")]
fn same_type(bound: &Value, i: u64) -> Value {
    match bound {
        Value::Uint(_) => Value::Uint(i),
        Value::Number(n) => Value::Number(match n {
            Number::Int8(_) => Number::Int8(i as i8),
            Number::Int16(_) => Number::Int16(i as i16),
            Number::Int32(_) => Number::Int32(i as i32),
            Number::Int64(_) => Number::Int64(i as i64),
            Number::Uint8(_) => Number::Uint8(i as u8),
            Number::Uint16(_) => Number::Uint16(i as u16),
            Number::Uint32(_) => Number::Uint32(i as u32),
            other => {
                debug_assert!(matches!(other, Number::Uint64(_)), "only integers are counted up to");
                Number::Uint64(i)
            }
        }),
        _ => Value::Int(i as i64),
    }
}
