//! Execution of a tree over a value.
//!
//! Role: Go's rules of evaluation. Invariants: `at` is the node that Go would report an error at; every step is counted, every byte of
//! output too; nesting of execution is bounded whatever the templates call.

mod args;
mod builtin;
mod call;
mod compare;
mod escape;
mod eval;
mod index;
#[cfg(test)]
mod tests;
mod val;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

pub(crate) use builtin::Builtin;
use val::Val;

use crate::error::{Error, ErrorKind};
use crate::gofmt::Stop;
use crate::options::{Limits, MissingKey, Options};
use crate::parse::node::{Command, Node, Pipe, Tree};
use crate::parse::{Names, print_command, print_node, print_pipe};
use crate::value::{Str, Value};

/// The deepest nesting of execution, all templates together: what the stack of a thread of 2 MiB can hold with room to spare.
const HARD_DEPTH: usize = 400;
/// The deepest nesting of template calls that any limit allows.
const HARD_RECURSION: usize = 200;

pub(crate) type Trees = BTreeMap<Str, Arc<Tree>>;
pub(crate) type Exec<T> = Result<T, Error>;

/// What is executed, and how.
pub(crate) struct Program<'a> {
    pub(crate) trees: &'a Trees,
    pub(crate) names: &'a Names,
    pub(crate) options: &'a Options,
}

/// The node that an error would be reported at.
#[derive(Clone, Copy)]
enum At<'a> {
    Node(&'a Node),
    Pipe(u32, &'a Pipe),
    Command(&'a Command),
}

struct State<'a, 'w> {
    program: Program<'a>,
    tree: &'a Tree,
    at: Option<At<'a>>,
    out: &'w mut dyn io::Write,
    written: usize,
    steps: u64,
    depth: usize,
    calls: usize,
    /// Variables in the order of their declaration, with the number of their name. Those of the current template start at `base`.
    vars: Vec<(u32, Val<'a>)>,
    base: usize,
    /// Arguments of the calls being made.
    stack: Vec<Val<'a>>,
    /// Where values are formatted before they are written.
    scratch: Vec<u8>,
}

/// Executes a tree with the templates of the program.
pub(crate) fn execute<'a>(
    program: Program<'a>,
    tree: &'a Tree,
    data: &'a Value,
    out: &mut dyn io::Write,
) -> Result<(), Error> {
    let dot = Val::borrowed(data);
    let mut state = State {
        tree,
        at: None,
        out,
        written: 0,
        steps: program.options.limits.steps,
        depth: 0,
        calls: 0,
        vars: vec![(0, dot.clone())],
        base: 0,
        stack: Vec::new(),
        scratch: Vec::new(),
        program,
    };
    state.walk(&dot, &tree.root).map(|_| ())
}

impl<'a> State<'a, '_> {
    fn limits(&self) -> &'a Limits {
        &self.program.options.limits
    }

    fn missing_key(&self) -> MissingKey {
        self.program.options.missing_key
    }

    fn at(&mut self, node: &'a Node) {
        self.at = Some(At::Node(node));
    }

    /// An error at the current node.
    fn error(&self, reason: impl Into<String>) -> Error {
        self.error_of(ErrorKind::Exec, reason.into())
    }

    fn limit(&self, reason: String) -> Error {
        self.error_of(ErrorKind::Limit, reason)
    }

    #[cold]
    fn error_of(&self, kind: ErrorKind, reason: String) -> Error {
        let tree = self.tree;
        let (pos, context) = match self.at {
            None => return Error::unplaced(kind, tree.name.to_string(), reason),
            Some(At::Node(node)) => (node.pos, print_node(node, tree)),
            Some(At::Pipe(pos, pipe)) => (pos, print_pipe(pipe, tree)),
            Some(At::Command(command)) => (command.pos, print_command(command, tree)),
        };
        let before = tree.source.get(..pos as usize).unwrap_or_default();
        let line = before.split(|b| *b == b'\n').count();
        let column = before.iter().rev().take_while(|b| **b != b'\n').count();
        let at = (tree.name.to_string(), String::from_utf8_lossy(&context).into_owned());
        Error::exec(kind, (tree.parse_name.to_string(), line, column), at, reason)
    }

    /// The node in an error's reason.
    fn shown(&self, node: &Node) -> String {
        String::from_utf8_lossy(&print_node(node, self.tree)).into_owned()
    }

    /// Counts work.
    fn charge(&mut self, steps: u64) -> Exec<()> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(self.limit(format!("execution exceeds the limit of {} steps", self.limits().steps))),
        }
    }

    /// Counts what a function made.
    fn charge_for(&mut self, value: &Value) -> Exec<()> {
        match value {
            Value::String(s) if s.len() > self.limits().output_bytes => Err(self.stopped(Stop::TooLong)),
            Value::String(s) => self.charge(s.len() as u64 / 64),
            Value::List(l) => self.charge(l.len() as u64 / 8),
            Value::Map(m) => self.charge(m.len() as u64 / 8),
            _ => Ok(()),
        }
    }

    fn stopped(&self, why: Stop) -> Error {
        self.limit(match why {
            Stop::TooLong => format!("result exceeds the limit of {} bytes", self.limits().output_bytes),
            Stop::TooDeep => format!("value is nested deeper than {}", crate::gofmt::MAX_DEPTH),
        })
    }

    /// Runs `f` one level deeper.
    #[inline]
    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Exec<T>) -> Exec<T> {
        if self.depth >= HARD_DEPTH {
            return Err(self.limit(format!("execution is nested deeper than {HARD_DEPTH}")));
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    // Variables.

    /// The place of the last declared variable of a name.
    fn var(&self, id: u32) -> Exec<usize> {
        let place = self.vars[self.base..].iter().rposition(|(name, _)| *name == id);
        place.map(|place| self.base + place).ok_or_else(|| {
            let name = self.program.names.get(id as usize).map_or(&b""[..], |n| n);
            self.error(format!("undefined variable: {}", String::from_utf8_lossy(name)))
        })
    }

    fn set_var(&mut self, id: u32, value: Val<'a>) -> Exec<()> {
        let place = self.var(id)?;
        self.vars[place].1 = value;
        Ok(())
    }

    // Output.

    fn write(&mut self, bytes: &[u8]) -> Exec<()> {
        self.written = self.written.saturating_add(bytes.len());
        if self.written > self.limits().output_bytes {
            return Err(self.limit(format!("output exceeds the limit of {} bytes", self.limits().output_bytes)));
        }
        self.out.write_all(bytes).map_err(Error::write)
    }
}
