//! Leadfeed.
