use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Supervisor, TaskError};

#[tokio::test]
async fn a_task_that_ends_by_itself_is_named() {
    for (outcome, expected) in [(Ok(()), "task b ended unexpectedly"), (Err(anyhow::anyhow!("boom")), "task b failed")]
    {
        let stop = CancellationToken::new();
        let mut tasks = Supervisor::new(stop.clone());
        let token = stop.clone();
        tasks.spawn_infallible("a", async move { token.cancelled().await });
        tasks.spawn("b", async { outcome });
        assert_eq!(tasks.watch().await.expect_err("b ended").to_string(), expected);
        tasks.drain(Duration::from_secs(5)).await;
        assert!(tasks.tasks.is_empty() && tasks.names.is_empty(), "a was asked to end, and did");
    }
}

#[tokio::test]
async fn a_panic_is_named() {
    let mut tasks = Supervisor::new(CancellationToken::new());
    tasks.spawn("c", async { panic!("on purpose") });
    assert!(matches!(tasks.watch().await, Err(TaskError::Panicked("c"))));
}

#[tokio::test]
async fn ending_when_asked_is_no_error() {
    let stop = CancellationToken::new();
    let mut tasks = Supervisor::new(stop.clone());
    let token = stop.clone();
    tasks.spawn_infallible("a", async move { token.cancelled().await });
    stop.cancel();
    tasks.watch().await.expect("asked to");
    tasks.drain(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_task_that_does_not_end_is_dropped() {
    let mut tasks = Supervisor::new(CancellationToken::new());
    tasks.spawn_infallible("deaf", std::future::pending());
    tasks.drain(Duration::from_millis(20)).await;
    assert!(tasks.tasks.is_empty());
}
