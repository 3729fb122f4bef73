//! DynamoDB rows: their size, and the effect of an update.

use serde_json::{Value, json};

use super::Item;

pub(super) fn text(text: &str) -> Value {
    json!({"S": text})
}

/// The size in bytes as DynamoDB counts it: names and values in UTF-8, a number by its digits, a list or map with three
/// bytes more and one for each of its members.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
pub(super) fn size(row: &Item) -> u64 {
    row.iter()
        .map(|(name, value)| name.len() as u64 + size_of(value))
        .sum()
}

fn size_of(value: &Value) -> u64 {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        ("N", Value::String(digits)) => (digits.len() as u64).div_ceil(2) + 1,
        ("L", Value::Array(members)) => {
            3 + members
                .iter()
                .map(|member| 1 + size_of(member))
                .sum::<u64>()
        }
        ("M", Value::Object(members)) => 3 + members.len() as u64 + size(members),
        (_, Value::String(text)) => text.len() as u64,
        _ => 1,
    }
}

/// The row after an `UpdateItem`. Supports only the expressions in use: `SET` to a value or to a list with one item
/// appended, `ADD` of a number, `REMOVE`.
pub(super) fn updated(old: &Item, request: &Value) -> Item {
    let mut row = old.clone();
    let expression = request["UpdateExpression"].as_str().unwrap_or_default();
    for (verb, clause) in clauses(expression) {
        for part in split_at_commas(clause) {
            apply(&mut row, verb, part.trim(), request);
        }
    }
    row
}

/// Each verb with everything up to the next.
fn clauses(expression: &str) -> Vec<(&str, &str)> {
    let verbs = ["SET ", "ADD ", "REMOVE "];
    let found = verbs.iter().flat_map(|verb| expression.match_indices(verb));
    let mut starts: Vec<_> = found.collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).map(|(next, _)| *next);
    let ends = ends.chain([expression.len()]);
    let clause = |((begin, verb), end): (&(usize, &str), usize)| {
        let (verb, rest) = expression[*begin..end].split_at(verb.len());
        (verb.trim(), rest)
    };
    starts.iter().zip(ends).map(clause).collect()
}

/// Splits at commas outside of brackets.
fn split_at_commas(clause: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    clause.split(move |letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    })
}

fn apply(row: &mut Item, clause: &str, part: &str, request: &Value) {
    let values = &request["ExpressionAttributeValues"];
    let resolve_name = |name: &str| {
        let names = &request["ExpressionAttributeNames"];
        names[name.trim()]
            .as_str()
            .unwrap_or(name.trim())
            .to_owned()
    };
    match clause {
        "REMOVE" => drop(row.remove(&resolve_name(part))),
        "ADD" => {
            let (name, value) = part.split_once(' ').unwrap_or((part, ""));
            let sum = number(row.get(&resolve_name(name))) + number(values.get(value.trim()));
            row.insert(resolve_name(name), json!({"N": sum.to_string()}));
        }
        _ => {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            let new = match value.strip_prefix("list_append(") {
                None => values[value].clone(),
                Some(parts) => {
                    let added = parts
                        .rsplit(',')
                        .next()
                        .unwrap_or_default()
                        .trim_end_matches(')');
                    let list = row.get(&resolve_name(name)).map(|list| list["L"].clone());
                    let members = [list.unwrap_or_default(), values[added.trim()]["L"].clone()];
                    let members = members.iter().filter_map(Value::as_array).flatten();
                    json!({"L": members.collect::<Vec<_>>()})
                }
            };
            row.insert(resolve_name(name), new);
        }
    }
}

fn number(value: Option<&Value>) -> i64 {
    let digits = value.and_then(|value| value["N"].as_str());
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(value: Value) -> Item {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_update_sets_appends_adds_and_removes() {
        let old =
            item(json!({"state": {"S": "queued"}, "due": {"N": "7"}, "line": {"L": [{"S": "a"}]}}));
        let request = json!({
            "UpdateExpression": "SET #state = :state, line = list_append(if_not_exists(line, :none), :line) ADD tries :one REMOVE due, gone",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":state": {"S": "sending"}, ":one": {"N": "1"},
                ":line": {"L": [{"S": "b"}]}, ":none": {"L": []}},
        });

        let new = updated(&old, &request);

        let expected = json!({"state": {"S": "sending"}, "tries": {"N": "1"}, "line": {"L": [{"S": "a"}, {"S": "b"}]}});
        assert_eq!(new, item(expected));
    }

    #[test]
    fn row_size_follows_dynamodb_sizing_rules() {
        let row = item(
            json!({"pk": {"S": "abc"}, "n": {"N": "1234"}, "yes": {"BOOL": true}, "l": {"L": [{"S": "ab"}]}, "m": {"M": {"k": {"S": "v"}}}}),
        );

        assert_eq!(size(&row), 5 + 4 + 4 + (1 + 3 + 1 + 2) + (1 + 3 + 1 + 2));
    }
}
