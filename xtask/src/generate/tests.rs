use super::*;

#[test]
fn what_was_written_passes_and_what_was_touched_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let deploy = folder.path();
    let missing = check(deploy).unwrap_err().to_string();
    assert!(missing.contains("deploy/rbac.yaml: missing") && missing.contains("cargo xtask generate"), "{missing}");

    write(deploy).unwrap();
    check(deploy).unwrap();

    let path = deploy.join("rbac.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("- get\n", "- delete\n", 1)).unwrap();
    let shown = check(deploy).unwrap_err().to_string();
    assert!(shown.contains("--- deploy/rbac.yaml") && shown.contains("-  - delete\n+  - get\n"), "{shown}");

    write(deploy).unwrap();
    fs::write(deploy.join("crd/old.yaml"), "").unwrap();
    assert!(check(deploy).unwrap_err().to_string().contains("deploy/crd/old.yaml: not generated"));
}

#[test]
fn the_committed_files_are_the_generated_ones() {
    check(&crate::root().join("deploy")).unwrap();
}
