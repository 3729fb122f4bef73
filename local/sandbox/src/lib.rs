//! A Constant Contact sandbox.
