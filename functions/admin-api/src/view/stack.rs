use jiff::Timestamp;
use leadfeed_shared::app::admin::{AppSettings, Check, Health, Spending};
use leadfeed_shared::domain::connection::ConnectionStatus;
use leadfeed_shared::domain::ids::{AppId, CustomerId};
use serde::Serialize;

use super::customer::{StatusView, status};

#[derive(Serialize)]
pub struct AppView<'a> {
    app_id: &'a AppId,
    calls_per_second: u32,
    calls_per_day: u32,
}

pub fn app(app: &AppSettings) -> AppView<'_> {
    AppView {
        app_id: &app.app,
        calls_per_second: app.limits.per_second,
        calls_per_day: app.limits.per_day,
    }
}

#[derive(Serialize)]
pub struct BudgetView<'a> {
    app_id: &'a AppId,
    calls_per_second: u32,
    calls_per_day: u32,
    calls_today: u32,
    calls_left_today: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_until: Option<Timestamp>,
    resets_at: Timestamp,
}

pub fn budget(spending: &Spending) -> BudgetView<'_> {
    BudgetView {
        app_id: &spending.app,
        calls_per_second: spending.limits.per_second,
        calls_per_day: spending.limits.per_day,
        calls_today: spending.spent,
        calls_left_today: spending.left(),
        closed_until: spending.closed_until,
        resets_at: spending.resets_at,
    }
}

#[derive(Serialize)]
pub struct HealthView<'a> {
    status: &'static str,
    checks: Vec<CheckView<'a>>,
    lost_connections: Vec<LostView<'a>>,
}

#[derive(Serialize)]
struct LostView<'a> {
    customer_id: &'a CustomerId,
    #[serde(flatten)]
    status: StatusView,
}

#[derive(Serialize)]
struct CheckView<'a> {
    name: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

pub fn health(health: &Health) -> HealthView<'_> {
    HealthView {
        status: if health.is_healthy() {
            "ok"
        } else {
            "attention"
        },
        checks: health.checks.iter().map(check).collect(),
        lost_connections: health.lost.iter().map(lost).collect(),
    }
}

fn lost((customer, status): &(CustomerId, ConnectionStatus)) -> LostView<'_> {
    LostView {
        customer_id: customer,
        status: self::status(status),
    }
}

fn check(check: &Check) -> CheckView<'_> {
    CheckView {
        name: check.name,
        ok: check.finding.is_none(),
        detail: check.finding.as_deref(),
    }
}
