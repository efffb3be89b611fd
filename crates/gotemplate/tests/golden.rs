//! The golden corpus: every case renders to Go's bytes, or fails with Go's words.
//!
//! The results in `corpus/golden` were written by Go itself (`oracle/regenerate`); nothing is normalised.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test reports and looks at its own files")]

mod support;

use std::collections::BTreeMap;

use support::Case;

/// How many differences a failing topic shows.
const SHOWN: usize = 25;

macro_rules! topics {
    ($($name:ident)*) => {
        /// Every golden file has a test of its own below.
        const TOPICS: &[(&str, &str)] = &[$((stringify!($name), include_str!(concat!("corpus/golden/", stringify!($name), ".jsonl"))),)*];
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*
    };
}

topics! { builtins compare control fields literals netboot pipelines printf sprig templates text variables }

fn check(topic: &str) {
    let (_, golden) = TOPICS.iter().find(|(name, _)| *name == topic).expect("a topic of the list");
    let datasets: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("corpus/cases/data.json")).expect("data.json is JSON");
    let mut lines = golden.lines();
    let head: BTreeMap<String, String> = serde_json::from_str(lines.next().expect("a head")).expect("the head is JSON");
    let (mut total, mut different) = (0, 0);
    for line in lines {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|e| panic!("{topic}: {e}: {line}"));
        let data = support::value(if case.dataset.is_empty() { &case.data } else { &datasets[&case.dataset] });
        total += 1;
        let ours = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case.evaluate(&data)));
        if ours.as_ref().is_ok_and(|ours| *ours == case.answer) {
            continue;
        }
        different += 1;
        if different <= SHOWN {
            println!("--- {}\n{}\n  Go:   {:?}\n  here: {ours:?}", case.name, case.template, case.answer);
        }
    }
    println!("{topic}: {} of {total} cases as {} has them", total - different, head["go"]);
    assert_eq!(different, 0, "cases of {topic} that differ from Go");
    assert!(total > 0, "{topic} has cases");
}

#[test]
fn every_golden_file_is_tested() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/golden");
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .expect("the golden files are there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".jsonl").to_owned())
        .collect();
    files.sort();
    let mut tested: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
    tested.sort_unstable();
    assert_eq!(files, tested);
    let cases: usize = TOPICS.iter().map(|(_, golden)| golden.lines().count() - 1).sum();
    assert!(cases >= 600, "{cases} cases");
}
