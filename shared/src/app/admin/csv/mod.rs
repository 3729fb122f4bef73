//! Export of leads as CSV files: in parts, each small enough for Constant Contact's upload and for one answer of a
//! function.

mod cells;
mod export;
mod part;
mod place;
mod selection;
#[cfg(test)]
mod tests;

pub use export::Exported;
