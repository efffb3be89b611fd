//! `metalman image …` without a registry: results, refusals, exit codes.

use std::{fs, path::Path};

use serde_json::Value;

use crate::process::{run, stderr, stdout};

fn source(metadata: &str, config: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = dir.path().join("source/disk");
    fs::create_dir_all(&disk).expect("folders");
    fs::write(disk.join("metadata.yaml"), metadata).expect("a file");
    fs::write(disk.join("boot.ipxe.tmpl"), config).expect("a file");
    dir
}

fn at(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

const GOOD: &str = "bootFiles: {ipxe: boot.ipxe}\n";

#[test]
fn build_inspect_and_lint_a_layout() {
    let dir = source(GOOD, "#!ipxe\necho {{.Machine.Name}}\n");
    let (source, layout) = (at(dir.path(), "source"), format!("oci:{}", at(dir.path(), "out")));
    let built = run(&["image", "build", &source, "-t", "registry.example/boot:v1", "-o", &layout]);
    assert!(built.status.success(), "{}", stderr(&built));
    let digest = stdout(&built).trim_end().to_owned();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    // The folder's other form, and a result for programs.
    let (disk, other) = (at(dir.path(), "source/disk"), format!("{layout}:other"));
    let again = run(&["image", "build", &disk, "-t", "boot", "-o", &other, "--format", "json"]);
    let again: Value = serde_json::from_str(&stdout(&again)).expect("JSON");
    assert_eq!((&again["manifest"]["digest"], &again["image"]), (&digest.clone().into(), &other.into()));

    let image = format!("{layout}:v1");
    let table = stdout(&run(&["image", "inspect", &image, "--files"]));
    for words in [&digest, "linux/amd64", "disk/boot.ipxe.tmpl", "disk/metadata.yaml", "1970-01-01T00:00:00Z"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let yaml = stdout(&run(&["image", "inspect", &image, "-o", "yaml"]));
    let yaml: Value = serde_saphyr::from_str(&yaml).expect("YAML");
    assert_eq!((&yaml["digest"], &yaml["bootFiles"]["ipxe"]), (&digest.into(), &"boot.ipxe".into()));
    let lint = run(&["image", "lint", &image]);
    assert_eq!((lint.status.code(), stdout(&lint).as_str()), (Some(0), ""), "{}", stderr(&lint));
    let missing = run(&["image", "inspect", &format!("{layout}:v9")]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("has no image \"v9\"; it has v1, other"), "{}", stderr(&missing));
}

#[test]
fn lint_fails_on_errors_and_strictly_on_warnings() {
    let dir = source(GOOD, "#!ipxe\n{{.Machine.Spec.Pxe.Image}}\n");
    let (folder, layout) = (at(dir.path(), "source"), format!("oci:{}", at(dir.path(), "out")));
    let lint = run(&["image", "lint", &folder]);
    assert_eq!(lint.status.code(), Some(1));
    let found = stdout(&lint);
    assert!(found.starts_with("disk/boot.ipxe.tmpl:2:") && found.contains(": error: "), "{found}");
    assert!(stderr(&lint).contains("1 error and 0 warnings"), "{}", stderr(&lint));
    let json: Value = serde_json::from_str(&stdout(&run(&["image", "lint", &folder, "-o", "json"]))).expect("JSON");
    assert_eq!((&json["findings"][0]["line"], &json["findings"][0]["severity"]), (&2.into(), &"error".into()));

    let refused = run(&["image", "build", &folder, "-t", "boot", "-o", &layout]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("--no-lint"), "{}", stderr(&refused));
    assert!(!dir.path().join("out").exists(), "nothing is written");
    assert!(run(&["image", "build", &folder, "-t", "boot", "-o", &layout, "--no-lint"]).status.success());

    let warned = source("other: 1\nbootFiles: {ipxe: boot.ipxe}\n", "#!ipxe\n");
    let folder = at(warned.path(), "source");
    assert_eq!(run(&["image", "lint", &folder]).status.code(), Some(0));
    assert_eq!(run(&["image", "lint", &folder, "--strict"]).status.code(), Some(1));
}

#[test]
fn wrong_usage_is_told_apart() {
    let dir = source(GOOD, "#!ipxe\n");
    let (folder, inside) = (at(dir.path(), "source"), format!("oci:{}", at(dir.path(), "source/disk/out")));
    for (args, code, words) in [
        (vec!["image", "build", &folder, "-t", "boot"], 2, "--output"),
        (vec!["image", "build", &folder, "-o", "oci:/nonexistent"], 2, "--tag"),
        (vec!["image", "build", &folder, "-t", "boot", "-o", "docker:x"], 2, "oci:PATH"),
        (vec!["image", "build", &folder, "-t", "boot", "-o", &inside], 2, "lies inside"),
        (vec!["image", "build", &folder, "-t", "Boot", "-o", "oci:/tmp/x"], 2, "Boot"),
        (vec!["image", "build", &folder, "-t", "boot", "--push", "--platform", "amd64"], 2, "linux/amd64"),
        (vec!["image", "build", "/nonexistent", "-t", "boot", "--push"], 1, "/nonexistent cannot be read"),
        (vec!["image", "push", &folder, "registry.example/boot"], 2, "oci:PATH"),
        (vec!["image", "push", "oci:/tmp/x", "oci:/tmp/y"], 2, "REGISTRY/REPOSITORY"),
        (vec!["image", "inspect", "oci:/nonexistent"], 1, "/nonexistent"),
    ] {
        let output = run(&args);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
}
