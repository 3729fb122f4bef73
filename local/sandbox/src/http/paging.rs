//! Pagination: a limit, an opaque cursor and the path of the next page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::params::{Params, invalid};
use crate::world::Refusal;

/// The requested page, with its filters.
pub struct Paging {
    pub filters: Params,
    pub start: usize,
    pub limit: usize,
    path: &'static str,
}

impl Paging {
    /// Reads a query with these filters; a cursor restores them and the limit of the first page.
    pub fn read(
        query: Option<&str>,
        path: &'static str,
        max: usize,
        filters: &[&str],
    ) -> Result<Self, Refusal> {
        let names = [&["limit", "cursor"][..], filters].concat();
        let params = Params::of_query(query, &names)?;
        let Some(cursor) = params.get("cursor") else {
            let limit = params.number("limit", max, 50)?;
            return Ok(Self {
                filters: params,
                start: 0,
                limit,
                path,
            });
        };
        let refused = || invalid("cursor");
        let bytes = URL_SAFE.decode(cursor).map_err(|_| refused())?;
        let kept = Params::parse(&bytes);
        if kept.get("_path") != Some(path) {
            return Err(refused());
        }
        let start = kept.get("_start").and_then(|start| start.parse().ok());
        let default = kept.number("limit", max, 50)?;
        let limit = params.number("limit", max, default)?;
        Ok(Self {
            start: start.ok_or_else(refused)?,
            limit,
            filters: kept,
            path,
        })
    }

    /// `_links` of a page: the next one's path, if any.
    pub fn links(&self, next: Option<usize>) -> Value {
        let Some(next) = next else { return json!({}) };
        let filters = self
            .filters
            .filters()
            .filter(|(name, _)| !name.starts_with('_'));
        let mut cursor = form_urlencoded::Serializer::new(String::new());
        cursor
            .extend_pairs(filters)
            .append_pair("limit", &self.limit.to_string())
            .append_pair("_path", self.path)
            .append_pair("_start", &next.to_string());
        let cursor = URL_SAFE.encode(cursor.finish());
        json!({ "next": { "href": format!("{}?cursor={cursor}", self.path) } })
    }
}
