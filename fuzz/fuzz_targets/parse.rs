//! Any bytes parse or are refused; what parses prints as a text that parses to the same.

#![no_main]

use gotemplate::{Funcs, Options, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let options = Options::new().funcs(Funcs::sprig());
    if let Ok(template) = Template::parse("t", text, &options) {
        let printed = template.print();
        let again = Template::parse("t", &printed, &options).expect("a printed template parses");
        assert_eq!(again.print(), printed, "printing is stable");
    }
});
