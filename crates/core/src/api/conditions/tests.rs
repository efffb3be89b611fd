use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn pending(message: &str) -> Observation {
    Observation::new(REPAVED, ConditionStatus::False, reason::PENDING, message)
}

#[test]
fn the_transition_time_moves_with_the_status_only() {
    let mut conditions = Vec::new();
    assert!(set(&mut conditions, &pending("image=a"), Some(1), at(0)));
    assert!(!set(&mut conditions, &pending("image=a"), Some(1), at(5)), "nothing changed");

    assert!(set(&mut conditions, &pending("image=b"), Some(1), at(10)));
    assert_eq!(find(&conditions, REPAVED).unwrap().last_transition_time, Some(Time(at(0))));
    assert_eq!(find(&conditions, REPAVED).unwrap().message, "image=b");

    let done = Observation::new(REPAVED, ConditionStatus::True, reason::SUCCEEDED, "");
    assert!(set(&mut conditions, &done, Some(1), at(20)));
    assert_eq!(find(&conditions, REPAVED).unwrap().last_transition_time, Some(Time(at(20))));
    assert!(is_true(&conditions, REPAVED));
    assert_eq!(conditions.len(), 1);
}

#[test]
fn a_newer_generation_is_a_change_without_a_transition() {
    let mut conditions = Vec::new();
    set(&mut conditions, &pending(""), Some(1), at(0));
    assert!(set(&mut conditions, &pending(""), Some(2), at(9)));
    let condition = find(&conditions, REPAVED).unwrap();
    assert_eq!((condition.observed_generation, &condition.last_transition_time), (Some(2), &Some(Time(at(0)))));
}

#[test]
fn a_missing_transition_time_is_filled_in() {
    let mut conditions = vec![Condition {
        type_: REPAVED.into(),
        status: ConditionStatus::False,
        reason: reason::PENDING.into(),
        ..Condition::default()
    }];
    assert!(set(&mut conditions, &pending(""), None, at(3)));
    assert_eq!(conditions[0].last_transition_time, Some(Time(at(3))));
}

#[test]
fn removal_says_whether_there_was_one() {
    let mut conditions = Vec::new();
    set(&mut conditions, &pending(""), None, at(0));
    assert!(!remove(&mut conditions, POWERED_OFF));
    assert!(remove(&mut conditions, REPAVED));
    assert!(conditions.is_empty());
    assert!(!is_true(&conditions, REPAVED));
}

#[test]
fn what_is_told_already_is_known() {
    let mut conditions = Vec::new();
    let nothing = |conditions: &[Condition]| tell(conditions, REPAVED, None, Some(1));
    assert!(nothing(&conditions) && !tell(&conditions, REPAVED, Some(&pending("")), Some(1)));
    assert!(put(&mut conditions, REPAVED, Some(&pending("")), Some(1), at(0)));
    assert!(tell(&conditions, REPAVED, Some(&pending("")), Some(1)) && !nothing(&conditions));

    let said = &conditions[0];
    assert!(said.says(&pending(""), Some(1)));
    let others = [
        Observation { type_: POWERED_OFF, ..pending("") },
        Observation { status: ConditionStatus::True, ..pending("") },
        Observation { reason: reason::TIMED_OUT, ..pending("") },
        pending("image=a"),
    ];
    assert!(others.iter().all(|other| !said.says(other, Some(1))), "{said:?}");
    assert!(!said.says(&pending(""), Some(2)) && !said.says(&pending(""), None));

    assert!(!put(&mut conditions, POWERED_OFF, None, Some(1), at(1)));
    assert!(put(&mut conditions, REPAVED, None, Some(1), at(1)));
    assert!(conditions.is_empty());
}

#[test]
fn times_survive_the_server() {
    let mut conditions = Vec::new();
    let now = Timestamp::new(1_700_000_000, 987_654_321).unwrap();
    set(&mut conditions, &pending(""), None, now);
    let stored = serde_json::to_value(&conditions).unwrap();
    assert_eq!(stored[0]["lastTransitionTime"], "2023-11-14T22:13:20Z");
    assert_eq!(serde_json::from_value::<Vec<Condition>>(stored).unwrap(), conditions);
}

#[test]
fn an_unknown_status_word_is_unknown() {
    let condition: Condition = serde_json::from_str(r#"{"type":"X","status":"Maybe"}"#).unwrap();
    assert_eq!(condition.status, ConditionStatus::Unknown);
}
