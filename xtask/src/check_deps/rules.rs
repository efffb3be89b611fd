//! The rules themselves.
//!
//! Invariant: the picture in DESIGN.md, as data. Changing a line here is a decision about the architecture.

use super::graph::{Graph, Kind};

/// What a crate may depend on within this repository.
struct Place {
    package: &'static str,
    /// In what ships.
    normal: &'static [&'static str],
    /// In tests, besides. Only crates that do not, in turn, depend on this one.
    dev: &'static [&'static str],
}

const PLACES: &[Place] = &[
    Place { package: "gotemplate", normal: &[], dev: &[] },
    Place { package: "metalman-wire", normal: &[], dev: &[] },
    Place { package: "metalman-core", normal: &["metalman-wire", "gotemplate"], dev: &[] },
    Place { package: "apiserver", normal: &[], dev: &[] },
    Place { package: "metalman", normal: &["metalman-core", "metalman-wire", "apiserver"], dev: &[] },
    Place { package: "metalman-agent", normal: &["metalman-wire"], dev: &[] },
    Place { package: "rack", normal: &["metalman", "metalman-core", "metalman-wire", "apiserver"], dev: &[] },
    // A tool, which ships to nobody: it prints what the core generates.
    Place { package: "xtask", normal: &["metalman-core"], dev: &[] },
];

/// What must not be linked into a crate.
pub(super) struct Restriction {
    pub(super) package: &'static str,
    banned: &'static [&'static str],
    why: &'static str,
}

/// Runtimes and what cannot work without one.
const RUNTIMES: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "async-executor",
    "async-io",
    "futures-executor",
    "mio",
    "hyper",
    "hyper-util",
    "reqwest",
    "kube-client",
    "kube-runtime",
    "kube",
];
const RUNTIME_FREE: &str = "decisions and formats are plain functions";
/// The same, without the crates that a blocking client may share.
const AGENT_BANNED: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "async-executor",
    "async-io",
    "futures-executor",
    "mio",
    "kube",
    "kube-client",
    "kube-core",
    "kube-runtime",
    "k8s-openapi",
];

pub(super) const RESTRICTED: &[Restriction] = &[
    Restriction { package: "gotemplate", banned: RUNTIMES, why: RUNTIME_FREE },
    Restriction { package: "metalman-wire", banned: RUNTIMES, why: RUNTIME_FREE },
    Restriction { package: "metalman-core", banned: RUNTIMES, why: RUNTIME_FREE },
    Restriction { package: "metalman-agent", banned: AGENT_BANNED, why: "it lives in an initramfs" },
];

/// What no crate may pull in, at run time or in tests.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "one cryptography library, aws-lc-rs, and nothing to install"),
    ("ring", "one cryptography library, aws-lc-rs"),
    ("rsa", "RUSTSEC-2023-0071: timing reveals private keys"),
];

/// Permissive licences. An expression passes when one side of each OR, and every side of each AND, is here.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// Edges between our crates that are not drawn.
pub(super) fn edges(graph: &Graph) -> Vec<String> {
    let mut violations = Vec::new();
    for from in graph.members() {
        let Some(place) = PLACES.iter().find(|place| place.package == from) else {
            violations.push(format!("{from}: a crate without a place; draw it in DESIGN.md and add it to the rules"));
            continue;
        };
        for (to, kind) in graph.inner_edges(from) {
            let allowed = match kind {
                Kind::Normal => place.normal.contains(&to),
                Kind::Dev => place.normal.contains(&to) || place.dev.contains(&to),
            };
            if !allowed {
                let how = if kind == Kind::Dev { " in its tests" } else { "" };
                violations.push(format!("{from} depends on {to}{how}: DESIGN.md draws no such edge"));
            }
        }
    }
    violations
}

/// Packages among `linked` that the restriction forbids.
pub(super) fn forbidden(restriction: &Restriction, linked: &[String]) -> Vec<String> {
    let Restriction { package, banned, why } = restriction;
    let found = banned.iter().filter(|banned| linked.iter().any(|name| name == *banned));
    found
        .map(|name| {
            format!("{package} pulls in {name} ({why}); `cargo tree -p {package} -e normal -i {name}` shows how")
        })
        .collect()
}

/// Packages that nobody may pull in.
pub(super) fn banned_everywhere(linked: &[String]) -> Vec<String> {
    let found = BANNED.iter().filter(|(banned, _)| linked.iter().any(|name| name == banned));
    found.map(|(name, why)| format!("{name} is banned ({why}); `cargo tree -i {name}` shows who wants it")).collect()
}

/// Packages whose licence is not permissive, or not stated.
pub(super) fn licences(graph: &Graph) -> Vec<String> {
    let refused = graph.licences().filter(|(_, licence)| !licence.is_some_and(permits));
    refused
        .map(|(name, licence)| format!("{name}: licence {} is not allowed", licence.unwrap_or("(none stated)")))
        .collect()
}

/// Whether an SPDX expression leaves a choice that is allowed. Old manifests write `/` for OR.
pub(super) fn permits(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest) == Some(true) && rest.is_empty()
}

fn any_of(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = all_of(words)?;
    while let ["OR", rest @ ..] = words {
        *words = rest;
        allowed |= all_of(words)?;
    }
    Some(allowed)
}

fn all_of(words: &mut &[&str]) -> Option<bool> {
    let mut allowed = one(words)?;
    while let ["AND", rest @ ..] = words {
        *words = rest;
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    match words {
        ["(", rest @ ..] => {
            *words = rest;
            let allowed = any_of(words)?;
            let [")", rest @ ..] = words else { return None };
            *words = rest;
            Some(allowed)
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            Some(LICENCES.contains(&format!("{licence} WITH {exception}").as_str()))
        }
        [licence, rest @ ..] => {
            *words = rest;
            Some(LICENCES.contains(licence))
        }
        [] => None,
    }
}
