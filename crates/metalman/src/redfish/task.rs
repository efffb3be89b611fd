//! Tasks: what a service does after it answered 202 (DSP0266, "Asynchronous operations").

use serde_json::Value;

/// How far a task is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It ended well.
    Done,
    /// It is not finished.
    Running,
    /// It waits for something that is not going to happen meanwhile, such as the next reset.
    Waiting,
    /// It ended badly: the state it ended in.
    Failed(String),
}

/// Reads what the task monitor, or the Task itself, answered.
pub(super) fn progress(status: u16, body: &Value) -> Progress {
    let word = |name| body.get(name).and_then(Value::as_str);
    match (status, word("TaskState")) {
        (_, Some("Completed")) => match word("TaskStatus") {
            Some(bad @ "Critical") => Progress::Failed(format!("Completed with status {bad}")),
            _ => Progress::Done,
        },
        (_, Some(bad @ ("Exception" | "Killed" | "Cancelled" | "Interrupted"))) => Progress::Failed(bad.to_owned()),
        (_, Some("Suspended" | "Pending")) => Progress::Waiting,
        (_, Some(_)) | (202 | 503, None) => Progress::Running,
        // A monitor that is gone was read after its end: a service may delete it then.
        (200..300 | 404 | 410, None) => Progress::Done,
        (status, None) => Progress::Failed(format!("HTTP status {status}")),
    }
}

/// Where to look: the monitor of the answer's Location, else what its Task links to.
pub(super) fn monitor<'a>(location: Option<&'a str>, body: &'a Value) -> Option<&'a str> {
    let text = |name| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    location.or_else(|| text("TaskMonitor")).or_else(|| text("@odata.id").filter(|_| body.get("TaskState").is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn progress_of_monitors_and_tasks() {
        let state = |state: &str| json!({"TaskState": state});
        let cases = [
            (202, Value::Null, Progress::Running),
            (204, Value::Null, Progress::Done),
            (404, Value::Null, Progress::Done),
            (200, json!({"PowerState": "On"}), Progress::Done),
            (200, state("Running"), Progress::Running),
            (202, state("New"), Progress::Running),
            (200, state("Pending"), Progress::Waiting),
            (202, state("Completed"), Progress::Done),
            (200, state("Exception"), Progress::Failed("Exception".into())),
            (200, json!({"TaskState": "Completed", "TaskStatus": "OK"}), Progress::Done),
            (
                200,
                json!({"TaskState": "Completed", "TaskStatus": "Critical"}),
                Progress::Failed("Completed with status Critical".into()),
            ),
            (400, Value::Null, Progress::Failed("HTTP status 400".into())),
        ];
        for (status, body, expected) in cases {
            assert_eq!(progress(status, &body), expected, "{status} {body}");
        }
    }

    #[test]
    fn monitors() {
        let task = json!({"@odata.id": "/tasks/1", "TaskState": "New"});
        assert_eq!(monitor(Some("/m"), &task), Some("/m"));
        assert_eq!(monitor(None, &task), Some("/tasks/1"));
        assert_eq!(monitor(None, &json!({"@odata.id": "/x", "TaskMonitor": "/m"})), Some("/m"));
        assert_eq!(monitor(None, &json!({"@odata.id": "/x"})), None);
        assert_eq!(monitor(None, &Value::Null), None);
    }
}
