use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn every_step_has_its_own_word() {
    for step in Step::ALL {
        assert_eq!(Step::parse(step.as_str()), Some(step));
    }
    assert_eq!(Step::parse("Dancing"), None);
}

#[test]
fn a_step_seen_again_keeps_its_place() {
    let mut status = MachineStatus::default();
    begin(&mut status, Step::Asked, None, at(1));
    record(&mut status, Step::Dhcp, None, at(2));
    record(&mut status, Step::ImageWriting, Some("10 %".into()), at(3));
    record(&mut status, Step::Dhcp, None, at(4));
    record(&mut status, Step::ImageWriting, Some("20 %".into()), at(5));
    assert_eq!(time(&status, Step::Dhcp), Some(at(2)));
    assert_eq!(time(&status, Step::ImageWriting), Some(at(5)));
    let (step, seen) = latest(&status).unwrap();
    assert_eq!((step, seen.message.as_deref()), (Step::ImageWriting, Some("20 %")));
    begin(&mut status, Step::Dhcp, None, at(9));
    assert_eq!(status.boot.unwrap().steps.len(), 1);
}
