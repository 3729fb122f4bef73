//! A short run of the fuzz targets in `fuzz/`, which run without end there.

use proptest::collection::vec;
use proptest::prelude::{any, prop, proptest};
use proptest::strategy::Strategy;
use proptest::test_runner::Config;

use crate::entries;

/// Tokens that parsers trip over, mixed with random bytes.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let bits: [&[u8]; 24] = [
        b"=",
        b"&",
        b"%",
        b"%4",
        b"%00",
        b"+",
        b"\r\n",
        b"--x",
        b"--x--",
        b"{",
        b"}",
        b"[",
        b"\"",
        b":",
        b"email",
        b"consent=yes",
        b"_charset_=utf-16",
        b"\xff\xfe",
        b"1e999",
        b"NaN",
        b"Content-Disposition: form-data; name=\"email\"\r\n\r\n",
        b"custom_fields[",
        b"]",
        b"\\u0000",
    ];
    let bit = prop::sample::select(bits.map(<[u8]>::to_vec).to_vec());
    vec(proptest::prop_oneof![bit, vec(any::<u8>(), 0..40)], 0..40).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(500) })]

    #[test]
    fn no_body_causes_a_panic_or_5xx(choice: u8, body in hostile_bytes()) {
        let mut data = vec![choice];
        data.extend(body);
        entries::body(&data);
    }

    #[test]
    fn no_header_causes_a_panic_or_5xx(lines in vec(hostile_bytes(), 0..11)) {
        entries::headers(&lines.join(&b'\n'));
    }

    #[test]
    fn no_query_causes_a_panic_or_5xx_or_is_echoed(data in hostile_bytes()) {
        entries::query(&data);
    }
}
