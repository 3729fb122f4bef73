/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items, in the order of the keys.
    pub items: Vec<T>,
    /// Where the next page begins; opaque.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// An empty page, the last one.
    #[must_use]
    pub fn none() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}
