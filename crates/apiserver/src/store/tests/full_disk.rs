//! No space left: the write fails as a whole, nothing is lost, and it goes on when there is space again.

use std::{
    env,
    process::{self, Command, Stdio},
};

use super::*;

/// Names the data folder to the child.
const FOLDER: &str = "STORE_TEST_FULL_FOLDER";
/// The shell command that makes space; `$PID` is the child.
const MAKE_SPACE: &str = "STORE_TEST_FULL_MAKE_SPACE";

/// Not a test of its own: this binary runs itself with only this "test" on a disk that is about to be full.
#[test]
fn victim() {
    let Some(dir) = env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(fill_and_recover(Path::new(&dir)));
}

async fn fill_and_recover(dir: &Path) {
    let text = "x".repeat(8_000);
    let store = Store::open(dir).unwrap();
    let mut watcher = store.watch("pods", None, 1).unwrap();
    let mut acknowledged = Vec::new();
    let mut failures = 0_u64;
    for i in 0..10_000 {
        let k = key("pods", "default", &i.to_string());
        let other = key("pods", "default", &format!("{i}-b"));
        // Two at a time, the second of them twice: batches fail as a whole.
        let (one, two, three) =
            tokio::join!(create(&store, &k, &text), create(&store, &other, &text), create(&store, &other, &text));
        match (one, two) {
            (Ok(one), Ok(two)) => acknowledged.extend([one, two]),
            (one, two) => {
                for outcome in [one, two, three] {
                    match outcome {
                        Err(CommitError::Disk(_)) => failures += 1,
                        // The first may have been a batch of its own, before the disk was full.
                        Ok(written) => acknowledged.push(written),
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        }
        if failures > 12 {
            break;
        }
    }
    assert!(failures > 12 && acknowledged.len() > 20, "{failures} failures, {} writes", acknowledged.len());
    let check = |store: &Store, expected: &[Arc<Stored>]| {
        assert_eq!(store.list("pods", None).items.len(), expected.len());
        for object in expected {
            assert_eq!(store.get(&object.key).expect("an acknowledged object").json, object.json);
        }
    };
    check(&store, &acknowledged);
    let visible = store.revision();
    assert_eq!(visible, acknowledged.iter().map(|o| o.revision).max().unwrap());

    let space = Command::new("sh")
        .args(["-c", &env::var(MAKE_SPACE).unwrap()])
        .env("PID", process::id().to_string())
        .status()
        .unwrap();
    assert!(space.success());
    // Keys that failed before are free, and revisions that failed are not used again.
    let last = create(&store, &key("pods", "default", "after"), &text).await.unwrap();
    assert!(last.revision > visible + failures / 2, "{} after {visible}, {failures} failures", last.revision);
    acknowledged.push(last);
    for expected in &acknowledged {
        assert_eq!(next(&mut watcher).await.unwrap().object.revision, expected.revision);
    }
    check(&store, &acknowledged);
    drop(store);
    let store = Store::open(dir).unwrap();
    check(&store, &acknowledged);
    let log = events(&store, "pods", 1).await;
    assert!(log.iter().map(|e| e.object.revision).eq(acknowledged.iter().map(|o| o.revision)));
}

/// Runs the victim under a shell's preparations.
fn run(prepare: &str, dir: &Path, make_space: &str) {
    let output = Command::new("sh")
        .args(["-c", &format!("{prepare}; exec \"$@\""), "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "store::tests::full_disk::victim", "--nocapture"])
        .env(FOLDER, dir)
        .env(MAKE_SPACE, make_space)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_file_that_may_not_grow_fails_writes_until_it_may() {
    let dir = tempfile::tempdir().unwrap();
    // Without the signal, growing past the limit is an error like a full disk. 2 MiB in blocks of 512 bytes.
    run("trap '' XFSZ; ulimit -S -f 4096", dir.path(), "prlimit --pid $PID --fsize=unlimited:");
}

#[test]
fn a_full_file_system_fails_writes_until_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let mount = format!("mount -t tmpfs -o size=2m none {path}");
    // Root has namespaces of its own; others where user namespaces are allowed.
    let probe = format!("unshare -mr sh -c '{mount}'");
    if !Command::new("sh").args(["-c", &probe]).stderr(Stdio::null()).status().unwrap().success() {
        assert!(env::var_os("CI").is_none(), "mounting a tmpfs needs root or user namespaces");
        return;
    }
    let prepare = format!(
        "if [ -z \"$INNER\" ]; then export INNER=1; exec unshare -mr sh -c '{mount} && exec \"$@\"' sh \"$@\"; fi"
    );
    run(&prepare, dir.path(), &format!("mount -o remount,size=64m {path}"));
}
