use std::os::unix::fs::PermissionsExt;

use super::*;

fn lookup(files: &[(&str, &str)], reference: &str) -> Result<Option<Credentials>, CredentialsError> {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| dir.path().join(name)).collect();
    for (path, (_, text)) in paths.iter().zip(files) {
        fs::write(path, text).unwrap();
    }
    find(&paths, &reference.parse().unwrap())
}

fn password(username: &str, password: &str) -> Credentials {
    Credentials::Password { username: username.into(), password: password.into() }
}

#[test]
fn the_files_that_container_tools_use() {
    let names = |pairs: &[(&str, &str)]| {
        let found = files(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()));
        found.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/u")]),
        ["/run/u/containers/auth.json", "/h/.config/containers/auth.json", "/h/.docker/config.json"]
    );
    assert_eq!(
        names(&[("HOME", "/h"), ("DOCKER_CONFIG", "/d"), ("XDG_CONFIG_HOME", "/c")]),
        ["/c/containers/auth.json", "/d/config.json"]
    );
    assert_eq!(names(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/a")]), ["/a"]);
    assert_eq!(names(&[("REGISTRY_AUTH_FILE", "")]), [""; 0]);
}

#[test]
fn the_first_file_that_knows_the_registry() {
    // a:b, c:d
    let first = ("1", r#"{"auths": {"r.example": {"auth": "YTpi"}}}"#);
    let second = ("2", r#"{"auths": {"r.example": {"auth": "Yzpk"}, "s.example:5000": {"auth": "Yzpk"}}}"#);
    assert_eq!(lookup(&[first, second], "r.example/x").unwrap(), Some(password("a", "b")));
    assert_eq!(lookup(&[first, second], "s.example:5000/x").unwrap(), Some(password("c", "d")));
    assert_eq!(lookup(&[first, second], "other.example/x").unwrap(), None);
    assert_eq!(find(&["/nonexistent/config.json".into()], &"r.example/x".parse().unwrap()).unwrap(), None);
    let refused = lookup(&[("1", "{")], "r.example/x").unwrap_err().to_string();
    assert!(refused.contains("/1: EOF"), "{refused}");
}

#[test]
fn helpers_that_are_missing_or_paths_are_named() {
    let missing = lookup(&[("1", r#"{"credsStore": "metalman-nonexistent"}"#)], "r.example/x").unwrap_err();
    assert!(missing.to_string().contains("docker-credential-metalman-nonexistent"), "{missing}");
    lookup(&[("1", r#"{"credHelpers": {"r.example": "../../bin/sh"}}"#)], "r.example/x").unwrap_err();
    assert_eq!(lookup(&[("1", r#"{"credHelpers": {"s.example": "x"}}"#)], "r.example/x").unwrap(), None);
}

/// Helpers are found by `PATH`, so a process of its own asks.
#[test]
fn a_helper_is_asked_in_its_protocol() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("docker-credential-metalman-test");
    let script = "#!/bin/sh\nread server\ncase \"$1 $server\" in\n\
                  'get r.example') echo '{\"ServerURL\":\"r.example\",\"Username\":\"u\",\"Secret\":\"s\"}';;\n\
                  'get t.example') echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}';;\n\
                  'get n.example') echo 'credentials not found in native keychain'; exit 1;;\n\
                  *) echo 'the keychain is locked'; exit 1;;\nesac\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    // By its path, as tests share one environment.
    let ask = |server: &str| run_helper(&program, Path::new("config.json"), "docker-credential-metalman-test", server);
    assert_eq!(ask("r.example").unwrap(), Some(password("u", "s")));
    assert_eq!(ask("t.example").unwrap(), Some(Credentials::Identity("t".into())));
    assert_eq!(ask("n.example").unwrap(), None);
    assert!(ask("l.example").unwrap_err().to_string().ends_with("the keychain is locked"));
}
