//! From bytes to trees.
//!
//! Role: lexer and parser of the template language, and the printing of trees. Invariants: an accepted text is wholly understood (blocks
//! are closed, functions known, variables declared); nesting is bounded, so neither parsing nor executing nor dropping overflows the stack.

mod control;
mod lex;
mod literal;
pub(crate) mod node;
mod number;
mod operand;
mod parser;
mod print;
mod scan;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use parser::{Names, is_empty, parse};
pub(crate) use print::{print_command, print_end, print_node, print_pipe, print_root};
