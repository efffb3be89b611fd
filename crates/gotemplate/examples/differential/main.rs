//! Random templates, rendered here and by Go: `differential --oracle PATH [--count N] [--seed S]`.
//!
//! PATH is the oracle, built with `oracle/regenerate --build PATH`. Prints how many cases were compared and every difference, made as
//! small as it gets; exits with 1 if there is one. The same seed gives the same cases.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is a program: it talks to another one and reports"
)]

mod data;
mod generate;
mod random;
#[path = "../../tests/support/mod.rs"]
mod support;
mod words;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use random::Random;
use support::{Answer, Case};

/// After so many differences there is nothing to learn from more.
const MOST: usize = 10;

fn main() -> ExitCode {
    let (mut oracle, mut count, mut seed) = (None, 20_000u64, 1u64);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().unwrap_or_default();
        match (arg.as_str(), value.parse()) {
            ("--oracle", _) => oracle = Some(value),
            ("--count", Ok(n)) => count = n,
            ("--seed", Ok(n)) => seed = n,
            _ => {
                eprintln!("usage: differential --oracle PATH [--count N] [--seed S]");
                return ExitCode::from(2);
            }
        }
    }
    let Some(mut oracle) = oracle.and_then(|path| Oracle::start(&path).ok()) else {
        eprintln!("differential: --oracle must name the program that `oracle/regenerate --build` makes");
        return ExitCode::from(2);
    };
    let mut tally = Tally::default();
    let mut different = 0;
    for i in 0..count {
        let case = generate::case(&mut Random::new(seed.wrapping_mul(1 << 32).wrapping_add(i)));
        let ours = render(&case);
        // What runs into a limit here may run forever there.
        if ours.limited {
            tally.limited += 1;
            continue;
        }
        let theirs = oracle.ask(&case);
        tally.count(&theirs);
        if ours == theirs {
            continue;
        }
        different += 1;
        let small = minimise(case, &mut oracle);
        println!(
            "--- seed {seed}, case {i}\n{}\n  funcs {:?} missingkey {:?} data {}",
            small.template, small.funcs, small.missingkey, small.data
        );
        println!("  Go:   {:?}\n  here: {:?}", oracle.ask(&small), render(&small));
        if different == MOST {
            break;
        }
    }
    println!(
        "{} cases of seed {seed}: {different} differences ({} rendered, {} failed while executed, {} did not parse; {} more met a limit)",
        tally.rendered + tally.failed + tally.unparsed,
        tally.rendered,
        tally.failed,
        tally.unparsed,
        tally.limited
    );
    if different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Tally {
    rendered: u64,
    failed: u64,
    unparsed: u64,
    limited: u64,
}

impl Tally {
    fn count(&mut self, answer: &Answer) {
        if !answer.parse_error.is_empty() {
            self.unparsed += 1;
        } else if !answer.exec_error.is_empty() {
            self.failed += 1;
        } else {
            self.rendered += 1;
        }
    }
}

fn render(case: &Case) -> Answer {
    case.evaluate(&support::value(&case.data))
}

/// Go, at the other end of two pipes.
struct Oracle {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Oracle {
    fn start(path: &str) -> std::io::Result<Self> {
        let mut child = Command::new(path).arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = child.stdin.take().zip(child.stdout.take()).expect("both were asked for");
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    fn ask(&mut self, case: &Case) -> Answer {
        let mut line = serde_json::to_vec(case).expect("a case is JSON");
        line.push(b'\n');
        self.to.write_all(&line).expect("the oracle reads");
        let mut answer = String::new();
        self.from.read_line(&mut answer).expect("the oracle answers");
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("the oracle gave up on {case:?}: {e}"))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cuts pieces out of the template, large ones first, for as long as the two still disagree.
fn minimise(mut case: Case, oracle: &mut Oracle) -> Case {
    let mut size = case.template.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at + size <= case.template.len() {
            let end = at + size;
            if case.template.is_char_boundary(at) && case.template.is_char_boundary(end) {
                let mut smaller = case.clone();
                smaller.template.replace_range(at..end, "");
                let ours = render(&smaller);
                if !ours.limited && oracle.ask(&smaller) != ours {
                    case = smaller;
                    continue;
                }
            }
            at += size.div_ceil(2);
        }
        size /= 2;
    }
    case
}
