//! How the HTTP functions answer: problem details for programs, pages for people.

mod event;
mod negotiate;
mod origin;
mod page;
mod problem;

pub use event::{run, sanitized};
pub use negotiate::{Audience, audience};
pub use origin::{caller_ip, is_cross_site};
pub use page::{allow_framing, day, page, page_with, see_other};
pub use problem::{Problem, json, problem_of};
