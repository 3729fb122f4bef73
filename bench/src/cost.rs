//! The cost of a million leads: counted requests, times list prices.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::aws::Usage;
use crate::figures::median;
use crate::programs::{LEAD_WEBHOOK, QUEUE_DRAIN};
use crate::warm::{Load, Warm};

/// The region and the date of the prices.
pub const PRICES: &str = "us-east-1, arm64, without free tiers, November 2026";

/// In dollars per million, like the constants after it.
const HTTP_API: f64 = 1.00;
const LAMBDA_REQUEST: f64 = 0.20;
const LAMBDA_GB_SECOND: f64 = 13.3334;
const WRITE_UNIT: f64 = 0.625;
const READ_UNIT: f64 = 0.125;
/// 0.40, and 0.10 for messages with a group, which makes the queue fair.
const SQS_REQUEST: f64 = 0.50;
/// Per million kilobytes; a gigabyte is 0.50.
const LOG_KILOBYTE: f64 = 0.50;
const EVENT: f64 = 1.00;
const TRACE: f64 = 5.00;
const SECRET_REQUEST: f64 = 5.00;

/// As in the template.
const MEMORY_GB: f64 = 0.125;
/// Lambda gives a function of 1,769 MB one processor, and others by their memory.
const PROCESSOR_SHARE: f64 = 128.0 / 1_769.0;
/// Of a request to DynamoDB or SQS within the region, in seconds: an assumption.
const REQUEST_SECONDS: f64 = 0.005;
/// What Lambda itself logs per invocation: an assumption.
const LOGGED_KILOBYTES: f64 = 1.0;
/// X-Ray's default rule traces the first of each second, and an application's day has fewer leads than seconds.
const TRACED_SHARE: f64 = 1.0;
/// Drains that share the rate by default, and the leads that all of them together send in a second.
const DRAINS: f64 = 2.0;
const RATE: f64 = 3.84;

/// In dollars per month for one, like the constants after it.
pub const SECRET: f64 = 0.40;
const ALARM: f64 = 0.10;
const METRIC: f64 = 0.30;
const DASHBOARD: f64 = 3.00;

/// In the template, without a canary.
const ALARMS: f64 = 14.0;
const METRICS: f64 = 7.0;
/// For the keys and the application.
const SECRETS: f64 = 3.0;

const MINUTES: f64 = 30.0 * 24.0 * 60.0;
/// How often Lambda's five receivers poll the empty queue, every 20 seconds: an estimate.
const RECEIVES: f64 = 5.0 * 3.0 * MINUTES;
/// A scheduler's run with nothing due, in seconds: an assumption; its memory is that of the template.
const RUN_SECONDS: f64 = 0.1;
const RUN_MEMORY_GB: f64 = 1.0;

/// One item of the bill.
#[derive(Debug)]
pub struct LineItem {
    pub name: &'static str,
    /// How the amount is calculated.
    pub calculation: String,
    /// Per lead.
    pub amount: f64,
    /// Per million.
    pub price: f64,
}

impl LineItem {
    /// Dollars for a million leads.
    pub fn dollars(&self) -> f64 {
        self.amount * self.price
    }
}

/// The whole bill if the drain gets batches of `batch`, and `secrets` are read for each lead.
pub fn bill(warm: &[Warm], batch: u32, secrets: f64) -> Result<Vec<LineItem>> {
    let intake = find_row(warm, LEAD_WEBHOOK, Load::FormPost)?;
    let at_turn = find_row(warm, LEAD_WEBHOOK, Load::FormPostAtTurn)?;
    let drain = find_row(warm, QUEUE_DRAIN, Load::Batch(batch))?;
    let intake_usage = per_lead(intake).mean(per_lead(at_turn)); // half of each minute is near its turn
    let drain_usage = per_lead(drain);
    let share = 1.0 / f64::from(batch);
    let cpu = (median(&intake.cpu) + median(&at_turn.cpu)) / 2;
    let intake_seconds = seconds(cpu) / PROCESSOR_SHARE + intake_usage.requests * REQUEST_SECONDS;
    let drain_seconds = DRAINS / RATE;
    let line_items = [
        ("HTTP API requests", "1".to_owned(), 1.0, HTTP_API),
        (
            "Lambda requests",
            format!("1 + 1 ÷ {batch}"),
            1.0 + share,
            LAMBDA_REQUEST,
        ),
        (
            "Lambda GB-seconds, lead-webhook",
            format!(
                "({:.2} ms of processor ÷ (128 ÷ 1,769) + {:.1} requests × 5 ms) × 0.125 GB",
                seconds(cpu) * 1e3,
                intake_usage.requests
            ),
            intake_seconds * MEMORY_GB,
            LAMBDA_GB_SECOND,
        ),
        (
            "Lambda GB-seconds, queue-drain",
            format!("{DRAINS} drains ÷ {RATE} leads a second × 0.125 GB: they wait for the rate"),
            drain_seconds * MEMORY_GB,
            LAMBDA_GB_SECOND,
        ),
        (
            "DynamoDB write units",
            format!(
                "{:.2} taking it in + {:.2} delivering it",
                intake_usage.writes, drain_usage.writes
            ),
            intake_usage.writes + drain_usage.writes,
            WRITE_UNIT,
        ),
        (
            "DynamoDB read units",
            format!(
                "{:.2} taking it in + {:.2} delivering it",
                intake_usage.reads, drain_usage.reads
            ),
            intake_usage.reads + drain_usage.reads,
            READ_UNIT,
        ),
        (
            "SQS requests",
            format!("1 to send + (1 to receive + 1 to delete) ÷ {batch}"),
            1.0 + 2.0 * share,
            SQS_REQUEST,
        ),
        (
            "EventBridge events",
            "1 of how it ended".to_owned(),
            1.0,
            EVENT,
        ),
        (
            "Log kilobytes",
            format!("1 kB of Lambda's own × (1 + 1 ÷ {batch})"),
            LOGGED_KILOBYTES * (1.0 + share),
            LOG_KILOBYTE,
        ),
        (
            "X-Ray traces",
            format!("1 + 1 ÷ {batch}, as hardly any two begin in one second"),
            TRACED_SHARE * (1.0 + share),
            TRACE,
        ),
        (
            "Secrets Manager requests",
            "a drain that meets a customer for the first time reads its tokens".to_owned(),
            secrets,
            SECRET_REQUEST,
        ),
    ];
    let line_item = |(name, calculation, amount, price)| LineItem {
        name,
        calculation,
        amount,
        price,
    };
    Ok(line_items.map(line_item).into())
}

/// The monthly cost of a stack, in dollars.
#[derive(Debug)]
pub struct Month {
    pub secrets: f64,
    pub monitoring: f64,
    pub idle: f64,
    pub leads: f64,
}

impl Month {
    /// For this many connected customers and leads, a million of which cost `million`. A quiet minute of the scheduler
    /// makes `operations` on the tables.
    pub fn of(customers: u32, leads: u32, million: f64, operations: f64) -> Self {
        let run = LAMBDA_REQUEST + RUN_SECONDS * RUN_MEMORY_GB * LAMBDA_GB_SECOND;
        let run = run + operations * READ_UNIT + TRACE + LOGGED_KILOBYTES * LOG_KILOBYTE;
        Self {
            secrets: (SECRETS + f64::from(customers)) * SECRET,
            monitoring: ALARMS * ALARM + METRICS * METRIC + DASHBOARD,
            idle: (MINUTES * run + RECEIVES * SQS_REQUEST) / 1e6,
            leads: f64::from(leads) * million / 1e6,
        }
    }

    pub fn dollars(&self) -> f64 {
        self.secrets + self.monitoring + self.idle + self.leads
    }
}

/// The AWS requests and DynamoDB units of one lead.
#[derive(Debug, Clone, Copy, Default)]
pub struct PerLead {
    pub requests: f64,
    pub writes: f64,
    pub reads: f64,
}

impl PerLead {
    fn mean(self, other: Self) -> Self {
        Self {
            requests: f64::midpoint(self.requests, other.requests),
            writes: f64::midpoint(self.writes, other.writes),
            reads: f64::midpoint(self.reads, other.reads),
        }
    }
}

pub fn per_lead(row: &Warm) -> PerLead {
    let leads = f64::from(row.invocations * row.load.leads());
    let ours = row
        .requests
        .iter()
        .filter(|(name, _)| !name.starts_with("Constant Contact"));
    let mut all = Usage::default();
    ours.for_each(|(_, usage)| all += *usage);
    PerLead {
        requests: all.requests as f64 / leads,
        writes: all.units.write as f64 / leads,
        reads: all.units.half_reads as f64 / 2.0 / leads,
    }
}

pub fn find_row<'a>(warm: &'a [Warm], program: &str, load: Load) -> Result<&'a Warm> {
    let mut rows = warm.iter();
    let found = rows.find(|row| row.program.name == program && row.load == load);
    found.with_context(|| format!("{program} was not measured with {}", load.label()))
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
