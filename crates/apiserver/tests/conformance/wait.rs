//! Waiting for a condition with a deadline; what was seen last is the report.

use std::time::{Duration, Instant};

/// How long anything that the documentation calls asynchronous may take here.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Calls `look` until it answers `Ok`; panics with the last `Err` at the deadline.
pub(crate) async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() > DEADLINE => panic!("gave up waiting: {what}; last seen: {seen}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Waits until `path` answers 404.
pub(crate) async fn gone(caller: &super::cluster::Caller, path: &str) {
    until(&format!("{path} is gone"), || async {
        let answer = caller.get(path).await;
        if answer.code == 404 { Ok(()) } else { Err(answer.text) }
    })
    .await;
}
