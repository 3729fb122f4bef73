//! How the HTTP functions answer: problem details for programs, pages for people.

mod event;
mod negotiate;
mod origin;
mod page;
mod problem;

pub use event::{run, tamed};
pub use negotiate::{Audience, audience};
pub use origin::{caller_ip, is_from_elsewhere};
pub use page::{day, in_any_frame, page, page_with, see_other};
pub use problem::{Problem, json, problem_of};
