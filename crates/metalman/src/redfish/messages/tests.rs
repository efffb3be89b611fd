use super::*;
use serde_json::json;

fn line(body: &Value) -> String {
    Messages::of(body).line()
}

#[test]
fn extended_info_becomes_a_line() {
    let body = json!({"error": {
        "code": "Base.1.8.GeneralError",
        "message": "A general error has occurred. See ExtendedInfo for more information.",
        "@Message.ExtendedInfo": [
            {"MessageId": "Base.1.8.PropertyNotWritable", "Message": "The property is read-only.", "Resolution": "Remove it."},
            {"MessageId": "Base.1.8.Success", "Message": "Nothing\r\n\twas done.", "Resolution": "None."},
            {"MessageId": "Base.1.8.PropertyNotWritable", "Message": "The property is read-only.", "Resolution": "Remove it."},
        ],
    }});
    assert_eq!(line(&body), "The property is read-only. Remove it.; Nothing was done.");
    assert!(Messages::of(&body).has("PropertyNotWritable"));
    assert!(!Messages::of(&body).has("NotWritable"));
}

#[test]
fn odd_shapes_are_read_too() {
    let id_only = json!({"error": {"@Message.ExtendedInfo": {"MessageId": "iLO.2.8.UnableToModifyDuringSystemPOST"}}});
    assert_eq!(line(&id_only), "iLO.2.8.UnableToModifyDuringSystemPOST");
    assert!(Messages::of(&id_only).are_transient());
    // iLO 4.
    let old = json!({"Messages": [{"MessageID": "Base.0.10.PropertyNotWritable", "MessageArgs": ["BootSourceOverrideMode"]}]});
    assert_eq!(line(&old), "Base.0.10.PropertyNotWritable (BootSourceOverrideMode)");
    assert!(Messages::of(&old).mention("BootSourceOverrideMode"));
    let property = json!({"Boot": {"BootSourceOverrideMode@Message.ExtendedInfo": [{"Message": "No."}]}});
    assert_eq!(line(&property), "No.");
    assert_eq!(line(&json!({"error": {"message": "Sorry", "code": "x"}})), "Sorry");
    assert_eq!(line(&json!({"error": {"code": "Base.1.0.Odd"}})), "Base.1.0.Odd");
    assert_eq!(line(&json!({"error": {"@Message.ExtendedInfo": ["just words"]}})), "just words");
    for nothing in [json!(null), json!([1]), json!({"error": {"@Message.ExtendedInfo": [{}, 3, null]}}), json!("x")] {
        assert_eq!(line(&nothing), "", "{nothing}");
    }
}

#[test]
fn session_limits() {
    let dell = json!({"error": {"@Message.ExtendedInfo": [
        {"MessageId": "IDRAC.2.4.RAC0218", "Message": "The maximum number of user sessions is reached."}]}});
    assert!(Messages::of(&dell).are_about_session_limit());
    let standard = json!({"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.8.SessionLimitExceeded"}]}});
    assert!(Messages::of(&standard).are_about_session_limit());
    assert!(!Messages::of(&json!({})).are_about_session_limit());
}

#[test]
fn lines_are_bounded_and_printable() {
    let long = clean(&"é".repeat(2000));
    assert_eq!(long.chars().count(), LONGEST + 1);
    assert_eq!(clean("a\u{1b}[31m\0b"), "a [31m b");
}

proptest::proptest! {
    #[test]
    fn reads_anything(text in "\\PC{0,200}") {
        let body = json!({"error": {"@Message.ExtendedInfo": [{"Message": text.clone(), "MessageArgs": [text]}]}});
        let line = line(&body);
        assert!(!line.contains('\n') && line.chars().count() <= LONGEST + 1);
    }
}
