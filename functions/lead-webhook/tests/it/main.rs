//! The public endpoints, from gateway event to answer, on ports in memory.
//!
//! Where each promise of the intake is tested (`shared` is `shared/src`):
//!
//! | input | where |
//! |---|---|
//! | form posts, JSON, closed and unknown forms, sizes, types, return URLs, markup, queries | `submissions` |
//! | the page that asks for a correction | `corrections` |
//! | web-to-lead, charsets, base64, mapped field names, forged headers | `dialects` |
//! | charsets, multipart, beacons, unreadable bodies | `charset.rs`, `body.rs` |
//! | the largest lead, and too many fields | `sizes` |
//! | numbers, depth and count of fields | `shared/domain/submission.rs` |
//! | addresses, long ones among them | `shared/domain/email.rs`, `tests/client/long_address.rs` |
//! | phones, names and values beyond the limits | `shared/domain/lead/parse.rs`, `shared/domain/contact.rs` |
//! | opt-in, sources, statements, times given, certificates | `shared/domain/consent.rs` |
//! | honeypot, time, captcha, release | `spam`, `shared/app/intake/tests/screening.rs`, `tests/contract/captcha.rs` |
//! | outages, closed forms, methods, as seen by a person and a script | `outages` |
//! | which brand a page shows | `branding` |
//! | bursts | `spam`, `shared/app/intake/tests/rates.rs` |
//! | double clicks, keys, lost answers | `keys`, `shared/app/intake/tests` |
//! | signatures | `signed.rs`, `webhooks`, `tests/webhooks` |
//! | queue or table down, kills at every step | `tests/contract/kills` |
//! | suppressed addresses, receipts, changed records | `functions/admin-api/tests/it` |
//! | random input | `fuzz` |
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../../../../tests/support/bare_start.rs"]
mod bare_start;
mod branding;
mod corrections;
mod dialects;
#[path = "../../../../fuzz/entries.rs"]
mod entries;
mod fuzz;
mod keys;
#[path = "../../../../tests/support/log.rs"]
mod log;
mod outages;
mod rehearsals;
mod sizes;
mod spam;
mod stage;
mod submissions;
mod webhooks;
