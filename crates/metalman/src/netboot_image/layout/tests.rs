use super::*;

fn index(root: &Path) -> Value {
    serde_json::from_slice(&fs::read(root.join(INDEX_FILE)).unwrap()).unwrap()
}

fn tags(root: &Path) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entry = |entry: &Value| (text(&entry["annotations"][REF_NAME]), text(&entry["digest"]));
    index(root)["manifests"].as_array().unwrap().iter().map(entry).collect()
}

#[test]
fn a_tag_replaces_itself_and_leaves_others_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a/b");
    let mut writer = LayoutWriter::open(&root).unwrap();
    let (one, two) = (writer.put("t/one", b"1").unwrap(), writer.put("t/two", b"2").unwrap());
    writer.tag(&one, "v1").unwrap();
    writer.tag(&one, "v2").unwrap();
    drop(writer);
    // Another tool's entries and fields stay.
    let mut other = index(&root);
    other["manifests"][0]["platform"] = json!({ "os": "linux" });
    other["annotations"] = json!({ "mine": "1" });
    fs::write(root.join(INDEX_FILE), other.to_string()).unwrap();
    let mut writer = LayoutWriter::open(&root).unwrap();
    writer.tag(&two, "v2").unwrap();
    assert_eq!(tags(&root), [("v1".into(), one.digest), ("v2".into(), two.digest.clone())]);
    assert_eq!(index(&root)["manifests"][0]["platform"]["os"], "linux");
    assert_eq!(index(&root)["annotations"]["mine"], "1");
    let name = two.digest.strip_prefix("sha256:").unwrap();
    assert_eq!(fs::read(root.join("blobs/sha256").join(name)).unwrap(), b"2");
}

#[test]
fn leaves_foreign_folders_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "x").unwrap();
    assert!(matches!(LayoutWriter::open(dir.path()), Err(LayoutError::Foreign(_))));
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|found| found.unwrap().file_name()).collect();
    assert_eq!(names, ["letter.txt"]);
    fs::write(dir.path().join(MARKER), r#"{"imageLayoutVersion": "2.0.0"}"#).unwrap();
    let refused = LayoutWriter::open(dir.path()).unwrap_err().to_string();
    assert!(refused.contains("imageLayoutVersion is not 1.0.0"), "{refused}");
}

#[test]
fn a_blob_that_is_not_finished_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = LayoutWriter::open(dir.path()).unwrap();
    let mut blob = writer.blob().unwrap();
    blob.write_all(b"half").unwrap();
    drop(blob);
    let left = |dir: &Path| {
        let names = fs::read_dir(dir).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(INCOMING)).count()
    };
    assert_eq!(left(dir.path()), 0);
    // Killed in the middle, as no destructor runs then.
    std::mem::forget(writer.blob().unwrap());
    drop(writer);
    assert_eq!(left(dir.path()), 1);
    LayoutWriter::open(dir.path()).unwrap();
    assert_eq!(left(dir.path()), 0);
}

#[test]
fn a_writer_that_died_at_its_first_step_is_no_hindrance() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(INDEX_FILE), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    fs::write(dir.path().join(".incoming-1-2"), "{").unwrap();
    LayoutWriter::open(dir.path()).unwrap();
    assert!(dir.path().join(MARKER).exists());
}

#[test]
fn writers_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    LayoutWriter::open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let root = dir.path();
            scope.spawn(move || {
                let mut writer = LayoutWriter::open(root).unwrap();
                let blob = writer.put("t/x", format!("{n}").as_bytes()).unwrap();
                writer.tag(&blob, &format!("v{n}")).unwrap();
            });
        }
    });
    assert_eq!(tags(dir.path()).len(), 8);
}
