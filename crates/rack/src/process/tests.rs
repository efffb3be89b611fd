use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::start("the script", command).unwrap()
}

#[test]
fn lines_of_both_streams_are_found() {
    let process = shell("echo one; echo two >&2; exec sleep 60");
    assert_eq!(process.wait_for("one", PATIENCE, |line| line.starts_with("on")).unwrap(), "one");
    assert_eq!(process.wait_for("two", PATIENCE, |line| line == "two").unwrap(), "two");
}

#[test]
fn an_end_before_the_line_shows_what_was_said() {
    let process = shell("echo unlucky; exit 3");
    let error = process.wait_for("luck", PATIENCE, |line| line == "luck").unwrap_err().to_string();
    assert!(error.contains("before luck") && error.ends_with("unlucky"), "{error}");
}

#[test]
fn patience_ends() {
    let process = shell("exec sleep 60");
    let error = process.wait_for("word", Duration::from_millis(20), |_| true).unwrap_err();
    assert!(matches!(error, ProcessError::Late { .. }), "{error}");
}

#[test]
fn what_ignores_the_request_is_killed_and_nothing_stays() {
    let process = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    process.wait_for("ready", PATIENCE, |line| line == "ready").unwrap();
    let id = process.id();
    drop(process);
    assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
}

#[test]
fn a_status_comes_with_all_that_was_said() {
    let mut process = shell("echo last; exit 4");
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(4));
    assert_eq!(process.lines(), ["last"]);
}
