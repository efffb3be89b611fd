//! Random template data. Role: something of every kind under the names that the grammar uses.

use serde_json::{Value as Json, json};

use super::random::Random;

/// Data of a fixed shape with random content.
pub(crate) fn data(dice: &mut Random) -> Json {
    let text = |dice: &mut Random| {
        dice.pick(&["", "a", "node-1", "x y", "é世", "<b>\"&'", "1\n2", "5", "true", "a: b", "%d"]).to_owned()
    };
    let number = |dice: &mut Random| {
        let choices = [
            json!(0),
            json!(1),
            json!(3),
            json!(-2),
            json!(1.5),
            json!(2.0),
            json!(9_007_199_254_740_993i64),
            json!(1e21),
        ];
        choices[dice.below(choices.len())].clone()
    };
    let any = |dice: &mut Random| match dice.below(6) {
        0 => json!(null),
        1 => json!(dice.one_in(2)),
        2 => number(dice),
        3 => json!([number(dice), text(dice)]),
        4 => json!({"b": text(dice)}),
        _ => json!(text(dice)),
    };
    let small = [0, 1, 2, 5, -3][dice.below(5)];
    let float = [0.0, 1.5, -2.25, 100.0, 1e-7][dice.below(5)];
    json!({
        "n": small, "f": float, "s": text(dice), "e": "",
        "yes": true, "no": false, "nil": null, "u": {"$uint": dice.below(4)}, "i64": {"$int64": 7},
        "list": (0..dice.below(4)).map(|_| any(dice)).collect::<Vec<_>>(),
        "ints": [3, 1, 2], "empty": [], "map": {"a": any(dice), "b": any(dice), "k 1": any(dice)},
        "deep": {"x": {"y": any(dice)}, "w": any(dice)},
        "rec": {"$struct": [["Name", text(dice)], ["Age", number(dice)], ["Tags", ["x", text(dice)]],
            ["In", {"$struct": [["V", text(dice)], ["N", 2]]}]]},
    })
}
