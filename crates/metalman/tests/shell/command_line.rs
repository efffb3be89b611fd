//! Commands that need no cluster, and exit codes.

use std::os::unix::process::CommandExt;

use crate::process::{metalman, run, stderr, stdout};

#[test]
fn exit_codes_tell_usage_from_failure() {
    for (args, code, words) in [
        (vec!["--version"], 0, "metalman "),
        (vec!["version"], 0, "metalman "),
        (vec!["--help"], 0, "Exit codes:"),
        (vec!["serve-pxe", "--help"], 0, "METALMAN_SERVE_URL"),
        (vec![], 2, "Usage:"),
        (vec!["nonsense"], 2, "nonsense"),
        (vec!["serve-pxe", "--http-port", "x", "--standalone", "/nonexistent"], 2, "--http-port"),
        (vec!["serve-pxe", "--serve-url", "http://0.0.0.0", "--standalone", "/nonexistent"], 2, "wildcard"),
        (vec!["serve-pxe", "--kubeconfig", "/nonexistent", "--bind-address", "127.0.0.1"], 2, "/nonexistent"),
        (vec!["apiserver", "--data", "/nonexistent", "--listen", "6443"], 2, "--listen"),
        (vec!["machine", "list", "--kubeconfig", "/nonexistent"], 2, "/nonexistent"),
        (vec!["version", "--log-level", "info=chatty"], 2, "--log-level"),
        (vec!["apiserver", "--data", "/proc/nonexistent"], 1, "/proc/nonexistent"),
    ] {
        let output = run(&args);
        let text = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
}

#[test]
fn environment_stands_in_for_flags_and_flags_win() {
    let refused = |env: &[(&str, &str)], args: &[&str]| {
        let mut command = metalman();
        command.args(["serve-pxe", "--standalone", "/nonexistent", "--bind-address=127.0.0.1"]).args(args);
        stderr(&command.envs(env.iter().copied()).output().expect("runs"))
    };
    assert!(refused(&[("METALMAN_SERVE_URL", "http://0.0.0.0")], &[]).contains("--serve-url"));
    assert!(refused(&[("METALMAN_LEADER_ELECT_RETRY_PERIOD", "1d")], &[]).contains("--leader-elect-retry-period"));
    let both = refused(&[("METALMAN_SITE", "Env_Site")], &["--site", "Flag_Site"]);
    assert!(both.contains("Flag_Site") && !both.contains("Env_Site"), "{both}");
    let empty = refused(&[("METALMAN_HTTP_PORT", ""), ("METALMAN_DHCP_AUTO_INTERFACE", "")], &["--site", "Flag_Site"]);
    assert!(empty.contains("Flag_Site"), "an empty variable is unset: {empty}");
}

#[test]
fn an_absent_api_server_is_told_once_with_its_url() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("kubeconfig");
    let cluster = "{name: c, cluster: {server: 'http://127.0.0.1:1'}}";
    let context = "{name: c, context: {cluster: c, user: u}}";
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, clusters: [{cluster}], contexts: [{context}], users: [{{name: u, user: {{}}}}]}}"
    );
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("text");
    for args in [["machine", "list"].as_slice(), &["machine", "status", "n1"]] {
        let output = run(&[args, &["--kubeconfig", path]].concat());
        let error = stderr(&output);
        assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.contains("http://127.0.0.1:1") && error.contains("refused"), "{error}");
    }
}

#[test]
fn works_as_kubectl_plugin() {
    let output = metalman().arg0("/somewhere/kubectl-metalman").args(["machine", "--help"]).output().expect("runs");
    assert!(stdout(&output).contains("kubectl metalman machine"), "{}", stdout(&output));
}

#[test]
fn completions_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && stdout(&output).contains("serve-pxe"), "{shell}");
    }
}

#[test]
fn manifests_are_objects_for_the_namespace_asked_for() {
    let output = run(&["manifests", "--namespace", "metal", "--site", "rack-7", "--image", "reg.example/metalman:1"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let objects: Vec<serde_json::Value> = text
        .split("\n---\n")
        .map(|document| serde_saphyr::from_str(document).unwrap_or_else(|e| panic!("{e}\n{document}")))
        .collect();
    let kinds: Vec<&str> = objects.iter().filter_map(|o| o["kind"].as_str()).collect();
    for kind in ["CustomResourceDefinition", "Namespace", "ServiceAccount", "ClusterRole", "RoleBinding", "Deployment"]
    {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let deployment = objects.iter().find(|o| o["kind"] == "Deployment").expect("a Deployment");
    assert_eq!(deployment["metadata"]["namespace"], "metal");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "reg.example/metalman:1");
    assert!(container["args"].to_string().contains("rack-7"), "{container}");
    let crd = run(&["manifests", "--only", "crd"]);
    assert_eq!(stdout(&crd).matches("\nkind: ").count() + usize::from(stdout(&crd).starts_with("kind: ")), 1);
}
