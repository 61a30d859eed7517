"""How a message leaves: to the log always, by e-mail where ALERT_SMTP_SERVER and ALERT_MAIL_TO are set, to Slack where
ALERT_SLACK_WEBHOOK is.
"""

import json
import logging
import smtplib
import ssl
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage

from alerts.messages import Message
from contracts.settings import Settings

log = logging.getLogger("alerts")
TIMEOUT_SECONDS = 20
# The schemes that a webhook may have; urllib would open files as well.
WEB = ("http://", "https://")


class AlertError(Exception):
    """A channel that is set up did not take the message; the text names each."""


def send(message: Message, settings: Settings) -> list[str]:
    """Names of the channels that took it. AlertError where one refused, after all have been tried."""
    log.warning("%s\n%s", message.subject, message.text)
    taken, refused = ["log"], []
    for name, channel in channels(settings).items():
        try:
            channel(message, settings)
            taken.append(name)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            refused.append(f"{name}: {error}")
    if refused:
        raise AlertError("; ".join(refused))
    return taken


def channels(settings: Settings) -> dict[str, Callable[[Message, Settings], None]]:
    """Those that are set up."""
    found: dict[str, Callable[[Message, Settings], None]] = {}
    if settings.get("ALERT_SMTP_SERVER", "") or settings.get("ALERT_MAIL_TO", ""):
        found["e-mail"] = send_mail
    if settings.get("ALERT_SLACK_WEBHOOK", ""):
        found["Slack"] = send_slack
    return found


def send_mail(message: Message, settings: Settings) -> None:
    """Text and HTML in one letter, to ALERT_SMTP_SERVER (host or host:port). ValueError where it or the recipient is not set:
    who set the other expects letters.

    Encrypted where ALERT_SMTP_USER is set: a password goes over no open line, and to no server but one with a certificate that
    this machine trusts (OpenSSL's SSL_CERT_FILE names others).
    """
    wanted = {name: settings.get(name, "") for name in ("ALERT_SMTP_SERVER", "ALERT_MAIL_TO")}
    if missing := [name for name, value in wanted.items() if not value]:
        raise ValueError(f"{missing[0]} is not set")
    letter = EmailMessage()
    letter["Subject"] = message.subject
    letter["From"] = settings.get("ALERT_MAIL_FROM", "pipeline@localhost")
    letter["To"] = wanted["ALERT_MAIL_TO"]
    letter.set_content(message.text)
    letter.add_alternative(message.html, subtype="html")
    user = settings.get("ALERT_SMTP_USER", "")
    host, _, port = wanted["ALERT_SMTP_SERVER"].partition(":")
    with smtplib.SMTP(host, int(port or (587 if user else 25)), timeout=TIMEOUT_SECONDS) as server:
        if user:
            server.starttls(context=ssl.create_default_context())
            server.login(user, settings.secret("ALERT_SMTP_PASSWORD"))
        server.send_message(letter)


def send_slack(message: Message, settings: Settings) -> None:
    """An incoming webhook; the tables keep their columns in a block of code."""
    address = settings.get("ALERT_SLACK_WEBHOOK", "")
    if not address.startswith(WEB):
        raise ValueError("ALERT_SLACK_WEBHOOK is no address of the web")
    body = json.dumps({"text": f"*{message.subject}*\n```{message.text}```"}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass
