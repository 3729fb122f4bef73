"""The intake job as one would write it with boto3: find the form, check the lead, queue it, record it."""

import base64
import hashlib
import hmac
import json
import os
import re
import time
from urllib.parse import parse_qsl

import boto3
from botocore.config import Config

CONFIG = Config(connect_timeout=1.5, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
dynamodb = boto3.client("dynamodb", config=CONFIG)
sqs = boto3.client("sqs", config=CONFIG)
secrets = boto3.client("secretsmanager", config=CONFIG)

DIRECTORY = os.environ["LEADFEED_DIRECTORY_TABLE"]
LEDGER = os.environ["LEADFEED_LEDGER_TABLE"]
QUEUE = os.environ["LEADFEED_QUEUE_URL"]
KEY = secrets.get_secret_value(SecretId=os.environ["LEADFEED_SECRET_PREFIX"] + "/keys/signing")["SecretString"].encode()

ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
FIELDS = ("first_name", "last_name", "company_name", "job_title", "phone_number")
TOLERANCE = 300


class Refused(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


def handler(event, _context):
    try:
        return accept(event)
    except Refused as refused:
        problem = {"type": "about:blank", "status": refused.status, "code": refused.code}
        return answer(refused.status, json.dumps(problem), "application/problem+json")


def accept(event):
    endpoint, _, form_id = event["rawPath"].strip("/").partition("/")
    headers = event["headers"]
    raw = event.get("body") or ""
    raw = base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode()
    form = find_form(form_id)
    now = time.time()
    key = verify(form, headers, raw, now) if endpoint == "hooks" else None
    lead = parse(form, headers, raw)
    lead["id"] = "lead_" + digest(key or f"{int(now) // 60}", form_id, json.dumps(lead, sort_keys=True))[:26]
    lead["customer"] = form["customer"]["S"]
    lead["form"] = form_id
    lead["statement"] = form["statements"]["L"][-1]["M"]["text"]["S"]
    lead["ip"] = event["requestContext"]["http"]["sourceIp"]
    lead["received_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    lead["seal"] = hmac.new(KEY, json.dumps(lead, sort_keys=True).encode(), hashlib.sha256).hexdigest()
    if key is not None:
        claim(lead, key, now)
    queue(lead)
    record(lead, now)
    if "text/html" in headers.get("accept", ""):
        return {"statusCode": 303, "headers": {"location": form["return_url"]["S"]}}
    return answer(202, json.dumps({"lead_id": lead["id"], "status": "queued"}), "application/json")


def find_form(form_id):
    key = {"pk": {"S": f"FORM#{form_id}"}, "sk": {"S": "FORM"}}
    form = dynamodb.get_item(TableName=DIRECTORY, Key=key, ConsistentRead=True).get("Item")
    if form is None:
        raise Refused(404, "unknown_form")
    if not form["open"]["BOOL"]:
        raise Refused(410, "form_closed")
    return form


def verify(form, headers, raw, now):
    """Standard Webhooks 1.0."""
    try:
        message, sent = headers["webhook-id"], headers["webhook-timestamp"]
        signatures = headers["webhook-signature"].split(" ")
        fresh = abs(now - int(sent)) <= TOLERANCE
    except (KeyError, ValueError):
        raise Refused(401, "invalid_signature") from None
    secret = base64.b64decode(form["webhook_secret"]["S"].removeprefix("whsec_"))
    mac = hmac.new(secret, f"{message}.{sent}.".encode() + raw, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(mac).decode()
    if not fresh or not any(hmac.compare_digest(expected, given) for given in signatures):
        raise Refused(401, "invalid_signature")
    return message


def parse(form, headers, raw):
    kind = headers.get("content-type", "").partition(";")[0]
    try:
        if kind == "application/json":
            fields = json.loads(raw)
            consent = fields.get("consent") or {}
            given, page = consent.get("given") is True, consent.get("page_url")
        elif kind == "application/x-www-form-urlencoded":
            fields = dict(parse_qsl(raw.decode()))
            given = fields.get(form["consent_field"]["S"], "") in ("yes", "on", "true", "1")
            page = headers.get("referer")
        else:
            raise Refused(415, "unsupported_media_type")
    except (ValueError, AttributeError):
        raise Refused(400, "malformed_body") from None
    if not given:
        raise Refused(422, "consent_required")
    email = str(fields.get("email", "")).strip()
    if not ADDRESS.fullmatch(email):
        raise Refused(422, "email_malformed")
    lead = {name: str(fields[name]).strip()[:255] for name in FIELDS if fields.get(name)}
    return {"email": email, "page_url": page or "", **lead}


def claim(lead, key, now):
    row = {
        "pk": {"S": f"CUSTOMER#{lead['customer']}"},
        "sk": {"S": f"KEY#{key}"},
        "lead": {"S": lead["id"]},
        "expires_at": {"N": str(int(now) + 86_400)},
    }
    put(row)


def queue(lead):
    entry = {"Id": "0", "MessageBody": json.dumps(lead), "MessageGroupId": lead["customer"]}
    sent = sqs.send_message_batch(QueueUrl=QUEUE, Entries=[entry])
    if sent.get("Failed"):
        raise Refused(503, "unavailable")


def record(lead, now):
    row = {
        "pk": {"S": f"CUSTOMER#{lead['customer']}"},
        "sk": {"S": lead["id"]},
        "lead": {"M": {name: {"S": value} for name, value in lead.items()}},
        "state": {"S": "queued"},
        "person": {"S": digest(lead["customer"], lead["email"].lower())},
        "due_shard": {"S": f"due#{ord(lead['id'][-1]) % 4}"},
        "due_at": {"N": str(int(now * 1000) + 21_600_000)},
    }
    put(row)


def put(row):
    try:
        dynamodb.put_item(TableName=LEDGER, Item=row, ConditionExpression="attribute_not_exists(pk)")
    except dynamodb.exceptions.ConditionalCheckFailedException:
        pass


def digest(*parts):
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def answer(status, body, kind):
    return {"statusCode": status, "headers": {"content-type": kind}, "body": body}
