#![no_main]

#[path = "../entries.rs"]
#[expect(dead_code, reason = "the other targets' entries")]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::headers(data));
