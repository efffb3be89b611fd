//! What the agent says of itself in this release.

use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_metalman-agent")).args(args).output().expect("the binary runs")
}

#[test]
fn tells_its_version_and_what_it_cannot_do() {
    let version = run(&["--version"]);
    assert!(version.status.success());
    assert_eq!(String::from_utf8_lossy(&version.stdout), concat!("metalman-agent ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("not implemented in this release"));
}

#[test]
fn pretends_nothing() {
    for args in [&[][..], &["install"], &["attest"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("not implemented"), "{args:?}");
    }
}
