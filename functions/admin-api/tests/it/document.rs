//! `docs/openapi.yaml`, and whether an answer is as it describes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use admin_api::routes::{Matched, Operation, ROUTES, find};
use lambda_http::http::Method;
use serde_json::Value;

use crate::stage::Answer;

pub struct Document(Value);

impl Document {
    pub fn read() -> &'static Self {
        static DOCUMENT: OnceLock<Document> = OnceLock::new();
        DOCUMENT.get_or_init(|| {
            let text = include_str!("../../../../docs/openapi.yaml");
            Self(serde_saphyr::from_str(text).unwrap())
        })
    }

    /// Every operation described, as method and path.
    pub fn operations(&self) -> Vec<(String, String)> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let methods = paths.flat_map(|(path, item)| {
            let members = item.as_object().unwrap().keys();
            let methods = members.filter(|member| *member != "parameters");
            methods.map(|method| (method.to_uppercase(), path.clone()))
        });
        methods.collect()
    }

    pub fn operation(&self, method: &Method, path: &str) -> &Value {
        &self.0["paths"][path][method.as_str().to_lowercase()]
    }

    /// What `value` is or refers to.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else {
            return value;
        };
        let found = self.0.pointer(reference.strip_prefix('#').unwrap());
        found.unwrap_or_else(|| panic!("{reference} does not resolve"))
    }

    /// Checks an answer against the description of its operation: status, content type, and every property.
    pub fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let Matched::Operation(operation, _) = find(method, path) else {
            assert!([404, 405].contains(&answer.status), "{method} {path}");
            return;
        };
        let (method, path) = route_of(operation);
        let status = answer.status.to_string();
        let response = self.resolve(&self.operation(&method, path)["responses"][&status]);
        assert!(
            response.is_object(),
            "{method} {path} does not describe {status}"
        );
        let kind = answer
            .headers
            .get("content-type")
            .map(|kind| kind.to_str().unwrap());
        let Some(kind) = kind else {
            assert!(
                response["content"].is_null(),
                "{method} {path}: {status} has no content"
            );
            return;
        };
        let schema = &response["content"][kind]["schema"];
        assert!(
            schema.is_object(),
            "{method} {path}: {status} is described without {kind}"
        );
        if kind.contains("json") {
            self.check_value(&answer.body, schema, &format!("{method} {path} {status}"));
        }
    }

    /// Checks that every property of `value` is described by `schema` and of its type, that every required one is there,
    /// and that an enum's value is one of the described ones.
    fn check_value(&self, value: &Value, schema: &Value, at: &str) {
        let schema = self.resolve(schema);
        check_type(value, schema, at);
        match value {
            Value::Array(items) => {
                for item in items {
                    self.check_value(item, &schema["items"], &format!("{at}[]"));
                }
            }
            Value::Object(members) => {
                let (known, required) = self.properties(schema);
                for name in required {
                    assert!(members.contains_key(name), "{at} lacks {name}");
                }
                for (name, value) in members {
                    let others = Some(&schema["additionalProperties"]).filter(|s| s.is_object());
                    let schema = known.get(name).copied().or(others);
                    let schema = schema.unwrap_or_else(|| panic!("{at}.{name} is not described"));
                    self.check_value(value, schema, &format!("{at}.{name}"));
                }
            }
            value => {
                let allowed = schema["enum"].as_array();
                assert!(
                    allowed.is_none_or(|allowed| allowed.contains(value)),
                    "{at}: {value}"
                );
            }
        }
    }

    /// Properties of an object by name, and those it must have, its parents' included.
    pub fn properties<'a>(
        &'a self,
        schema: &'a Value,
    ) -> (BTreeMap<&'a String, &'a Value>, Vec<&'a str>) {
        let schema = self.resolve(schema);
        let own = schema["properties"].as_object();
        let mut known: BTreeMap<_, _> = own.into_iter().flatten().collect();
        let listed = schema["required"].as_array().into_iter().flatten();
        let mut required: Vec<_> = listed.filter_map(Value::as_str).collect();
        for parent in schema["allOf"].as_array().into_iter().flatten() {
            let (more, needed) = self.properties(parent);
            known.extend(more);
            required.extend(needed);
        }
        (known, required)
    }
}

/// Checks that `value` is of the type that `schema` names, or of one of several.
fn check_type(value: &Value, schema: &Value, at: &str) {
    let types = match &schema["type"] {
        Value::Null => return, // its enum or its parents say what it is
        Value::Array(types) => types.iter().collect(),
        one => vec![one],
    };
    let is_of = |kind: &Value| match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: unknown type {other}"),
    };
    let fits = types.into_iter().any(is_of);
    assert!(fits, "{at} is not of type {}: {value}", schema["type"]);
}

/// Method and path of an operation.
fn route_of(operation: Operation) -> (Method, &'static str) {
    let route = ROUTES.iter().find(|(_, _, known)| *known == operation);
    route
        .map(|(method, path, _)| (method.clone(), *path))
        .unwrap()
}
