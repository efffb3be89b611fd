use std::{fs, os::unix::fs::PermissionsExt};

use super::Temporary;

#[test]
fn it_is_private_and_goes_with_its_owner() {
    let (one, two) = (Temporary::new().unwrap(), Temporary::new().unwrap());
    assert_ne!(one.path(), two.path());
    fs::write(one.path().join("file"), "content").unwrap();
    assert_eq!(fs::metadata(one.path()).unwrap().permissions().mode() & 0o777, 0o700);
    let path = one.path().to_owned();
    drop(one);
    assert!(!path.exists() && two.path().exists());
}
