"""Signs a body with the library that Standard Webhooks publishes: reads secret, id and body, divided by newlines, and
prints timestamp and signature."""

import datetime
import sys

from standardwebhooks.webhooks import Webhook

secret, message, body = sys.stdin.read().split("\n", 2)
now = datetime.datetime.now(tz=datetime.timezone.utc)
print(int(now.timestamp()))
print(Webhook(secret).sign(message, now, body))
