// The intake job as one would write it with the AWS SDK v3: find the form, check the lead, queue it, record it.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";

const config = { maxAttempts: 3, requestHandler: { connectionTimeout: 1500, requestTimeout: 3000 } };
const dynamodb = new DynamoDBClient(config);
const sqs = new SQSClient(config);
const secrets = new SecretsManagerClient(config);

const { LEADFEED_DIRECTORY_TABLE: DIRECTORY, LEADFEED_LEDGER_TABLE: LEDGER } = process.env;
const { LEADFEED_QUEUE_URL: QUEUE, LEADFEED_SECRET_PREFIX: PREFIX } = process.env;
const { SecretString: KEY } = await secrets.send(new GetSecretValueCommand({ SecretId: `${PREFIX}/keys/signing` }));

const ADDRESS = /^[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+$/;
const FIELDS = ["first_name", "last_name", "company_name", "job_title", "phone_number"];
const TOLERANCE = 300;

class Refused extends Error {
  constructor(status, code) {
    super(code);
    Object.assign(this, { status, code });
  }
}

export async function handler(event) {
  try {
    return await accept(event);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const problem = { type: "about:blank", status: error.status, code: error.code };
    return answer(error.status, problem, "application/problem+json");
  }
}

async function accept(event) {
  const [endpoint, formId] = event.rawPath.slice(1).split("/");
  const { headers } = event;
  const raw = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  const form = await findForm(formId);
  const now = Date.now();
  const key = endpoint === "hooks" ? verify(form, headers, raw, now) : undefined;
  const lead = parse(form, headers, raw);
  lead.id = "lead_" + digest(key ?? String(Math.floor(now / 60_000)), formId, JSON.stringify(lead)).slice(0, 26);
  lead.customer = form.customer.S;
  lead.form = formId;
  lead.statement = form.statements.L.at(-1).M.text.S;
  lead.ip = event.requestContext.http.sourceIp;
  lead.received_at = new Date(now).toISOString();
  lead.seal = createHmac("sha256", KEY).update(JSON.stringify(lead)).digest("hex");
  if (key !== undefined) await claim(lead, key, now);
  await queue(lead);
  await record(lead, now);
  if (headers.accept?.includes("text/html")) return { statusCode: 303, headers: { location: form.return_url.S } };
  return answer(202, { lead_id: lead.id, status: "queued" }, "application/json");
}

async function findForm(id) {
  const Key = { pk: { S: `FORM#${id}` }, sk: { S: "FORM" } };
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName: DIRECTORY, Key, ConsistentRead: true }));
  if (!Item) throw new Refused(404, "unknown_form");
  if (!Item.open.BOOL) throw new Refused(410, "form_closed");
  return Item;
}

// Standard Webhooks 1.0.
function verify(form, headers, raw, now) {
  const { "webhook-id": message, "webhook-timestamp": sent, "webhook-signature": signatures } = headers;
  const fresh = Math.abs(now / 1000 - Number(sent)) <= TOLERANCE;
  if (!message || !signatures || !fresh) throw new Refused(401, "invalid_signature");
  const secret = Buffer.from(form.webhook_secret.S.replace(/^whsec_/, ""), "base64");
  const mac = createHmac("sha256", secret).update(`${message}.${sent}.`).update(raw).digest("base64");
  const expected = Buffer.from(`v1,${mac}`);
  const same = (given) => given.length === expected.length && timingSafeEqual(given, expected);
  if (!signatures.split(" ").some((given) => same(Buffer.from(given)))) throw new Refused(401, "invalid_signature");
  return message;
}

function parse(form, headers, raw) {
  const [kind] = (headers["content-type"] ?? "").split(";");
  let fields, given, page;
  if (kind === "application/json") {
    fields = json(raw);
    ({ given, page_url: page } = fields.consent ?? {});
    given = given === true;
  } else if (kind === "application/x-www-form-urlencoded") {
    fields = Object.fromEntries(new URLSearchParams(raw.toString()));
    given = ["yes", "on", "true", "1"].includes(fields[form.consent_field.S]);
    page = headers.referer;
  } else {
    throw new Refused(415, "unsupported_media_type");
  }
  if (!given) throw new Refused(422, "consent_required");
  const email = String(fields.email ?? "").trim();
  if (!ADDRESS.test(email)) throw new Refused(422, "email_malformed");
  const filled = FIELDS.filter((name) => fields[name]).map((name) => [name, String(fields[name]).trim().slice(0, 255)]);
  return { email, page_url: page ?? "", ...Object.fromEntries(filled) };
}

function json(raw) {
  try {
    const value = JSON.parse(raw);
    if (value && typeof value === "object") return value;
  } catch {}
  throw new Refused(400, "malformed_body");
}

async function claim(lead, key, now) {
  await put({
    pk: { S: `CUSTOMER#${lead.customer}` },
    sk: { S: `KEY#${key}` },
    lead: { S: lead.id },
    expires_at: { N: String(Math.floor(now / 1000) + 86_400) },
  });
}

async function queue(lead) {
  const entry = { Id: "0", MessageBody: JSON.stringify(lead), MessageGroupId: lead.customer };
  const { Failed } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: QUEUE, Entries: [entry] }));
  if (Failed?.length) throw new Refused(503, "unavailable");
}

async function record(lead, now) {
  const fields = Object.entries(lead).map(([name, value]) => [name, { S: value }]);
  await put({
    pk: { S: `CUSTOMER#${lead.customer}` },
    sk: { S: lead.id },
    lead: { M: Object.fromEntries(fields) },
    state: { S: "queued" },
    person: { S: digest(lead.customer, lead.email.toLowerCase()) },
    due_shard: { S: `due#${lead.id.charCodeAt(lead.id.length - 1) % 4}` },
    due_at: { N: String(now + 21_600_000) },
  });
}

async function put(Item) {
  try {
    const ConditionExpression = "attribute_not_exists(pk)";
    await dynamodb.send(new PutItemCommand({ TableName: LEDGER, Item, ConditionExpression }));
  } catch (error) {
    if (error.name !== "ConditionalCheckFailedException") throw error;
  }
}

function digest(...parts) {
  return createHash("sha256").update(parts.join("\n")).digest("hex");
}

function answer(statusCode, body, kind) {
  return { statusCode, headers: { "content-type": kind }, body: JSON.stringify(body) };
}
