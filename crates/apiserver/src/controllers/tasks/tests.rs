use super::*;

#[tokio::test]
async fn ends_are_told_with_the_name() {
    let mut tasks = Tasks::default();
    tasks.spawn("lasting", std::future::pending());
    tasks.spawn("returning", async {});
    assert_eq!(tasks.next_ended().await, Some(Ended { name: "returning", panicked: false }));
    tasks.spawn("panicking", async { panic!("as told") });
    let ended = tasks.next_ended().await.expect("one ended");
    assert_eq!(ended.to_string(), "the task \"panicking\" panicked");
    assert!(tasks.names.values().eq(["lasting"].iter()));
    assert_eq!(Tasks::default().next_ended().await, None);
}
