//! How long a 4 KB cloud-init template takes, here, in the crate `gotmpl` and in Go: `gotemplate-bench [ORACLE]`.
//!
//! ORACLE is the program that `oracle/regenerate --build` makes; without it the row for Go is missing. Prints a Markdown table; every
//! number is the best of several rounds, since what else the machine does only ever adds. All three must render the same bytes.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const TEMPLATE: &str = include_str!("../cloud-init.tmpl");
const DATA: &str = include_str!("../data.json");
const ROUND: Duration = Duration::from_millis(200);
const ROUNDS: usize = 10;

fn main() -> ExitCode {
    let json: serde_json::Value = serde_json::from_str(DATA).expect("data.json is JSON");

    let data: gotemplate::Value = serde_json::from_str(DATA).expect("data.json is JSON");
    let parsed = gotemplate::Template::new("t", TEMPLATE).expect("the template parses");
    let expected = parsed.render(&data).expect("the template renders");
    let mut rows = vec![(
        "gotemplate",
        best(|| gotemplate::Template::new("t", TEMPLATE).and_then(|t| t.render_bytes(&data)).expect("it renders")),
        best(|| parsed.render_bytes(&data).expect("it renders")),
    )];

    let other_data = gotmpl::to_value(&json).expect("JSON is a value");
    match gotmpl::Template::new("t").parse(TEMPLATE) {
        Ok(other) => match other.execute_to_string(&other_data) {
            Ok(text) if text == expected => rows.push((
                "gotmpl 0.6",
                best(|| gotmpl::Template::new("t").parse(TEMPLATE).and_then(|t| t.execute_to_string(&other_data)).expect("it renders")),
                best(|| other.execute_to_string(&other_data).expect("it renders")),
            )),
            Ok(_) => eprintln!("gotmpl renders other bytes; not measured"),
            Err(error) => eprintln!("gotmpl does not render: {error}"),
        },
        Err(error) => eprintln!("gotmpl does not parse: {error}"),
    }

    if let Some(oracle) = std::env::args().nth(1) {
        let Some(go) = ask_go(&oracle) else {
            eprintln!("{oracle} bench failed");
            return ExitCode::FAILURE;
        };
        rows.push(("Go", go.0, go.1));
    }

    println!("| {} bytes in, {} out | parse and render | ratio | render again | ratio |", TEMPLATE.len(), expected.len());
    println!("|---|---|---|---|---|");
    let (_, whole, again) = rows[0];
    for (name, w, a) in rows {
        println!("| {name} | {:.1} µs | {:.2} | {:.1} µs | {:.2} |", w / 1e3, w / whole, a / 1e3, a / again);
    }
    ExitCode::SUCCESS
}

/// Nanoseconds of one call, the best round's mean.
fn best<T>(mut f: impl FnMut() -> T) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut calls = 0u32;
        while start.elapsed() < ROUND {
            for _ in 0..16 {
                black_box(f());
            }
            calls += 16;
        }
        least = least.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    least
}

fn ask_go(oracle: &str) -> Option<(f64, f64)> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let paths = [format!("{folder}/cloud-init.tmpl"), format!("{folder}/data.json")];
    let out = Command::new(oracle).arg("bench").args(paths).output().ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&out.stdout).ok()?;
    Some((answer["parse_and_render_ns"].as_f64()?, answer["render_ns"].as_f64()?))
}
