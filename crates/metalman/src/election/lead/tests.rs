use std::{future::pending, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::while_leading;
use crate::election::{Leadership, Term, boot_time};

/// What the work does.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Begun(i32),
    Dropped(i32),
}

/// Tells when it is dropped.
struct Guard(i32, mpsc::UnboundedSender<Seen>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.1.send(Seen::Dropped(self.0));
    }
}

struct Bench {
    publish: watch::Sender<Leadership>,
    stop: CancellationToken,
    seen: mpsc::UnboundedReceiver<Seen>,
    runner: JoinHandle<()>,
}

impl Bench {
    /// A runner of work that ends by itself in odd terms.
    fn new() -> Self {
        let (publish, stop) = (watch::Sender::new(Leadership::default()), CancellationToken::new());
        let (tell, seen) = mpsc::unbounded_channel();
        let work = move |term: Term| {
            let tell = tell.clone();
            async move {
                let _ = tell.send(Seen::Begun(term.number()));
                let _guard = Guard(term.number(), tell);
                if term.number() % 2 == 0 {
                    pending::<()>().await;
                }
            }
        };
        let runner = tokio::spawn(while_leading(publish.subscribe(), stop.clone(), work));
        Self { publish, stop, seen, runner }
    }

    fn lead(&self, number: i32) -> Term {
        let term = Term::new(number, boot_time() + Duration::from_hours(1));
        self.publish.send_replace(Leadership { term: Some(term.clone()), holder: None });
        term
    }

    async fn next(&mut self) -> Option<Seen> {
        timeout(Duration::from_secs(20), self.seen.recv()).await.expect("something is seen in time")
    }
}

#[tokio::test]
async fn each_term_has_its_own_work() {
    let mut bench = Bench::new();
    for number in [2, 4] {
        let term = bench.lead(number);
        assert_eq!(bench.next().await, Some(Seen::Begun(number)));
        term.end();
        assert_eq!(bench.next().await, Some(Seen::Dropped(number)));
        bench.publish.send_replace(Leadership::default());
    }
}

#[tokio::test]
async fn work_that_returns_waits_for_the_next_term() {
    let mut bench = Bench::new();
    let term = bench.lead(1);
    assert_eq!(bench.next().await, Some(Seen::Begun(1)));
    assert_eq!(bench.next().await, Some(Seen::Dropped(1)));
    // The same term, told again, begins nothing.
    bench.publish.send_replace(Leadership { term: Some(term.clone()), holder: Some("me".into()) });
    tokio::task::yield_now().await;
    term.end();
    bench.lead(2);
    assert_eq!(bench.next().await, Some(Seen::Begun(2)));
}

#[tokio::test]
async fn a_term_that_is_over_begins_nothing() {
    let mut bench = Bench::new();
    let over = Term::new(2, Duration::ZERO);
    bench.publish.send_replace(Leadership { term: Some(over), holder: None });
    tokio::task::yield_now().await;
    bench.lead(4);
    assert_eq!(bench.next().await, Some(Seen::Begun(4)));
}

#[tokio::test]
async fn the_work_outlives_the_stop_until_the_term_ends() {
    let mut bench = Bench::new();
    let term = bench.lead(2);
    assert_eq!(bench.next().await, Some(Seen::Begun(2)));
    bench.stop.cancel();
    timeout(Duration::from_secs(20), &mut bench.runner).await.expect("it stops").expect("no panic");
    assert!(bench.seen.try_recv().is_err(), "the election ends the work, before it releases the Lease");
    term.end();
    assert_eq!(bench.next().await, Some(Seen::Dropped(2)));
}

#[tokio::test]
async fn no_election_means_no_work() {
    let Bench { publish, runner, .. } = Bench::new();
    drop(publish);
    timeout(Duration::from_secs(20), runner).await.expect("it ends").expect("no panic");
}

#[tokio::test]
async fn a_panic_in_the_work_ends_the_runner() {
    let term = Term::new(1, boot_time() + Duration::from_mins(10));
    let (_publish, leadership) = watch::channel(Leadership { term: Some(term), holder: Some("me".into()) });
    let work = |_term: Term| async { panic!("a bug") };
    let runner = tokio::spawn(while_leading(leadership, CancellationToken::new(), work));
    let ended = timeout(Duration::from_secs(20), runner).await.expect("it ends");
    assert!(ended.expect_err("a panic").is_panic());
}
