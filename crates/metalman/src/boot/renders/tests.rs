use futures::FutureExt;

use super::*;

#[tokio::test]
async fn one_for_each_machine_and_no_more_than_processors() {
    let renders = Renders { processors: Arc::new(Semaphore::new(2)), turns: Mutex::default() };
    let first = renders.permit("a").now_or_never().expect("free");
    // The same Machine waits without taking a processor from others.
    let mut again = Box::pin(renders.permit("a"));
    assert!(again.as_mut().now_or_never().is_none());
    let second = renders.permit("b").now_or_never().expect("another processor");
    let mut third = Box::pin(renders.permit("c"));
    assert!(third.as_mut().now_or_never().is_none(), "two processors");
    drop(second);
    assert!(third.as_mut().now_or_never().is_some());
    drop(first);
    assert!(again.as_mut().now_or_never().is_some());
    drop((again, third));
    drop(renders.permit("d").now_or_never().expect("free"));
    drop(renders.permit("e").now_or_never().expect("free"));
    assert_eq!(renders.turns.lock().expect("not poisoned").len(), 1, "turns of those who are done are forgotten");
}
