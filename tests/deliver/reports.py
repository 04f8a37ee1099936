"""Reports in the shapes of many MTAs, every word and name in them invented.

`RETURN_PATH` stands for the address that the bounced mail came from; `ORIGINAL` for its headers, as reports return them.
"""

from __future__ import annotations

RETURN_PATH = "bounce+7-0123456789abcdef@digest.example.org"
READER = "jo@reader.example"
TOKEN = "7.AAAAAAAAAAAAAAAAAAAAAAAA"
MESSAGE_ID = "<0123456789abcdef0123456789abcdef@digest.example.org>"
ORIGINAL = f"""\
Return-Path: <{RETURN_PATH}>
Received: from digest.example.org by relay.example.net; Fri, 20 Nov 2026 07:00:01 +0000
From: Digest <digest@example.org>
To: <{READER}>
Subject: Three papers on kites
Date: Fri, 20 Nov 2026 07:00:00 +0000
Message-ID: {MESSAGE_ID}
List-Unsubscribe: <https://digest.example.org/u/{TOKEN}>, <mailto:digest@example.org?subject=leave%20{TOKEN}>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: text/plain
"""


def dsn(
    *,
    status: str,
    diagnosis: str | None,
    action: str | None = "failed",
    sender: str = "MAILER-DAEMON@relay.example.net (Mail Delivery System)",
    subject: str = "Undelivered Mail Returned to Sender",
    words: str = "I'm sorry to have to inform you that your message could not be delivered.",
    more: str = "",
    extra: str = "",
    to: str = RETURN_PATH,
    original: str = ORIGINAL,
    returned: str = "text/rfc822-headers",
) -> str:
    """A report of RFC 3464."""
    lines = [
        "Final-Recipient: rfc822; " + READER,
        *([f"Action: {action}"] if action is not None else []),
        f"Status: {status}",
        *([f"Diagnostic-Code: {diagnosis}"] if diagnosis is not None else []),
    ]
    block = "\n".join(lines)
    return f"""\
Return-Path: <>
Delivered-To: {to}
Date: Fri, 20 Nov 2026 07:00:02 +0000
From: {sender}
Subject: {subject}
To: {to}
{extra}Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F1A22.1795158002/relay.example.net"

This is a MIME-encapsulated message.

--4F1A22.1795158002/relay.example.net
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

{words}

--4F1A22.1795158002/relay.example.net
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example.net
Arrival-Date: Fri, 20 Nov 2026 07:00:01 +0000
{more}
{block}

--4F1A22.1795158002/relay.example.net
Content-Description: Undelivered Message
Content-Type: {returned}

{original}
--4F1A22.1795158002/relay.example.net--
"""


#: Reports that the standard library reads: name -> (mail, kind, status).
DSNS: dict[str, tuple[str, str, str | None]] = {
    "postfix, no such user": (
        dsn(
            status="5.1.1",
            diagnosis="smtp; 550 5.1.1 <jo@reader.example>: Recipient address\n    rejected: User unknown",
        ),
        "hard",
        "5.1.1",
    ),
    "postfix, no such host": (
        dsn(
            status="5.4.4",
            diagnosis="X-Postfix; Host or domain name not found. Name service error for\n    name=reader.example",
        ),
        "soft",
        "5.4.4",
    ),
    "postfix, null MX": (
        dsn(status="5.1.10", diagnosis="X-Postfix; Domain reader.example does not accept mail (nullMX)"),
        "hard",
        "5.1.10",
    ),
    "postfix, local mailbox full": (
        dsn(status="5.2.2", diagnosis="x-unix; disk quota exceeded"),
        "soft",
        "5.2.2",
    ),
    "postfix, gave up": (
        dsn(
            status="4.4.1",
            diagnosis="X-Postfix; connect to reader.example[192.0.2.7]:25: Connection timed out",
        ),
        "soft",
        "4.4.1",
    ),
    "exim, bare reply": (
        dsn(
            status="5.0.0",
            diagnosis="smtp; 550 Unknown user",
            sender="Mail Delivery System <Mailer-Daemon@relay.example.net>",
            subject="Mail delivery failed: returning message to sender",
            extra="X-Failed-Recipients: jo@reader.example\n",
        ),
        "hard",
        "5.0.0",
    ),
    "exim, code in the reply": (
        dsn(status="5.0.0", diagnosis="smtp; 550 5.2.1 This mailbox is closed"),
        "hard",
        "5.2.1",
    ),
    "exim, relay not permitted": (
        dsn(status="5.0.0", diagnosis="smtp; 550 relay not permitted"),
        "blocked",
        "5.0.0",
    ),
    "exchange, no such recipient": (
        dsn(
            status="5.1.10",
            diagnosis="smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
            sender="Microsoft Outlook <MicrosoftExchange0123@reader.example>",
            subject="Undeliverable: Three papers on kites",
            extra="X-MS-Exchange-Message-Is-Ndr:\nX-Auto-Response-Suppress: DR, OOF, AutoReply\n",
        ),
        "hard",
        "5.1.10",
    ),
    "exchange, edge says access denied": (
        dsn(status="5.4.1", diagnosis="smtp;550 5.4.1 Recipient address rejected: Access denied."),
        "soft",
        "5.4.1",
    ),
    "exchange, mailbox full": (
        dsn(status="5.2.2", diagnosis="smtp;554 5.2.2 mailbox full; STOREDRV.Deliver.Exception"),
        "soft",
        "5.2.2",
    ),
    "exchange, group for members": (
        dsn(status="5.7.133", diagnosis="smtp;550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup"),
        "soft",
        "5.7.133",
    ),
    "outlook.com, no such mailbox": (
        dsn(
            status="5.5.0",
            diagnosis="smtp; 550 5.5.0 Requested action not taken: mailbox unavailable (S0000)",
        ),
        "hard",
        "5.5.0",
    ),
    "gmail, no such user": (
        dsn(
            status="5.1.1",
            diagnosis="smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try\n 550 5.1.1 double-checking",
            sender="Mail Delivery Subsystem <mailer-daemon@provider.example>",
            subject="Delivery Status Notification (Failure)",
            extra="X-Failed-Recipients: jo@reader.example\n",
        ),
        "hard",
        "5.1.1",
    ),
    "gmail, over its rate": (
        dsn(
            status="5.2.1",
            diagnosis="smtp; 550-5.2.1 The user you are trying to contact is receiving mail at a rate that",
        ),
        "soft",
        "5.2.1",
    ),
    "gmail, unauthenticated": (
        dsn(
            status="5.7.26",
            diagnosis="smtp; 550-5.7.26 This mail has been blocked because the sender is unauthenticated.",
        ),
        "blocked",
        "5.7.26",
    ),
    "yahoo, disabled": (
        dsn(
            status="5.0.0",
            diagnosis="smtp; 554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30).",
        ),
        "hard",
        "5.0.0",
    ),
    "opensmtpd": (
        dsn(
            status="5.1.1",
            diagnosis=None,
            sender="Mailer Daemon <MAILER-DAEMON@relay.example.net>",
            subject="Delivery status notification: error",
            words="Hi!\n\nThis is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred.",
        ),
        "hard",
        "5.1.1",
    ),
    "sendmail": (
        dsn(
            status="5.1.1",
            diagnosis="SMTP; 550 5.1.1 <jo@reader.example>... User unknown",
            sender="Mail Delivery Subsystem <MAILER-DAEMON@relay.example.net>",
            subject="Returned mail: see transcript for details",
            more="Received-From-MTA: DNS; localhost\n",
            returned="message/rfc822",
        ),
        "hard",
        "5.1.1",
    ),
    "sendmail, too big": (
        dsn(status="5.3.4", diagnosis="SMTP; 552 5.3.4 Message size exceeds fixed limit"),
        "blocked",
        "5.3.4",
    ),
    "content": (
        dsn(status="5.6.0", diagnosis="smtp; 554 5.6.0 content rejected"),
        "blocked",
        "5.6.0",
    ),
    "no action": (dsn(status="5.1.1", diagnosis=None, action=None), "hard", "5.1.1"),
    "no status": (dsn(status="", diagnosis="smtp; 550 5.1.1 unknown"), "hard", "5.1.1"),
    "hard in words, soft in class": (
        dsn(status="4.1.1", diagnosis="smtp; 450 4.1.1 user unknown, for now"),
        "soft",
        "4.1.1",
    ),
    "nothing but failed": (dsn(status="5.0.0", diagnosis=None), "soft", "5.0.0"),
    "greylisted for days": (
        dsn(status="4.7.1", diagnosis="smtp; 451 4.7.1 Greylisting in action"),
        "blocked",
        "4.7.1",
    ),
    "international": (
        dsn(status="5.1.1", diagnosis="smtp; 550 5.1.1 no such user").replace(
            "message/delivery-status", "message/global-delivery-status"
        ),
        "hard",
        "5.1.1",
    ),
    "return path in the returned headers alone": (
        dsn(status="5.1.1", diagnosis="smtp; 550 5.1.1 no such user", to="digest@example.org"),
        "hard",
        "5.1.1",
    ),
}

PLAIN_HEAD = f"""\
Return-Path: <>
Delivered-To: {RETURN_PATH}
From: MAILER-DAEMON@relay.example.net
To: {RETURN_PATH}
Date: Fri, 20 Nov 2026 07:00:02 +0000
"""

#: Mails that say the same in no standard's form: name -> (mail, kind, status).
ODD: dict[str, tuple[str, str, str | None]] = {
    "qmail": (
        f"""{PLAIN_HEAD}Subject: failure notice

Hi. This is the qmail-send program at relay.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{READER}>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 user unknown
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.

{ORIGINAL}
A digest that says 5.2.2 and spam.
""",
        "hard",
        "5.1.1",
    ),
    "qmail, no mailbox": (
        f"""{PLAIN_HEAD}Subject: failure notice

Hi. This is the qmail-send program at relay.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{READER}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{ORIGINAL}
""",
        "hard",
        "5.1.1",
    ),
    "qmail, full": (
        f"""{PLAIN_HEAD}Subject: failure notice

Hi. This is the qmail-send program at relay.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{READER}>:
The mailbox is over quota. (#5.2.2)

--- Below this line is a copy of the message.

{ORIGINAL}
""",
        "soft",
        "5.2.2",
    ),
    "old exim": (
        f"""{PLAIN_HEAD}X-Failed-Recipients: {READER}
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {READER}
    Unrouteable address

------ This is a copy of the message, including all the headers. ------

{ORIGINAL}
A digest about spam.
""",
        "hard",
        None,
    ),
    "old exim, blocked": (
        f"""{PLAIN_HEAD}X-Failed-Recipients: {READER}
Subject: Mail delivery failed: returning message to sender

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {READER}
    host mx.reader.example [192.0.2.7]: 550 blocked, see our policy

------ This is a copy of the message, including all the headers. ------

{ORIGINAL}
""",
        "blocked",
        None,
    ),
    "transcript": (
        f"""{PLAIN_HEAD}Subject: Returned mail: User unknown

   ----- The following addresses had permanent fatal errors -----
<{READER}>

   ----- Transcript of session follows -----
550 <{READER}>... User unknown

   ----- Original message follows -----

{ORIGINAL}
""",
        "hard",
        None,
    ),
}

#: Mails that are no bounce: name -> (mail, sort).
OTHER: dict[str, tuple[str, str]] = {
    "delayed": (dsn(status="4.4.1", diagnosis="X-Postfix; timed out", action="delayed"), "delayed"),
    "delivered": (dsn(status="2.0.0", diagnosis="smtp; 250 ok", action="delivered"), "delivered"),
    "relayed": (
        dsn(status="2.0.0", diagnosis=None, action="relayed (to a system without reports)"),
        "delivered",
    ),
    "delayed, in words": (
        f"""{PLAIN_HEAD}Subject: Warning: message 1abcde-000001-AB delayed 24 hours

This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on relay.example.net.

The message identifier is:     1abcde-000001-AB

The address to which the message has not yet been delivered is:

  {READER}

No action is required on your part. Delivery attempts will continue for
some time.
""",
        "delayed",
    ),
    "vacation": (
        f"""\
Return-Path: <>
Delivered-To: {RETURN_PATH}
From: Jo <{READER}>
To: {RETURN_PATH}
Subject: Out of office: Three papers on kites
Auto-Submitted: auto-replied

I am away, and have limited access to mail until 5.1.1.
""",
        "automatic",
    ),
    "automatic reply": (
        f"Delivered-To: {RETURN_PATH}\nSubject: Automatische Antwort: Kites\n\nIch bin nicht da.\n",
        "automatic",
    ),
    "challenge": (
        (
            f"Delivered-To: {RETURN_PATH}\nSubject: please confirm that you are a person\n"
            "Auto-Submitted: auto-replied\n\nClick here.\n"
        ),
        "automatic",
    ),
    "autoresponder": (f"To: {RETURN_PATH}\nX-Autoreply: yes\nSubject: Thanks\n\nThanks.\n", "automatic"),
    "old autoresponder": (
        f"To: {RETURN_PATH}\nPrecedence: auto_reply\nSubject: Thanks\n\nHi.\n",
        "automatic",
    ),
    "receipt": (
        (
            f"To: {RETURN_PATH}\nSubject: Read: Kites\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=disposition-notification; boundary="x"\n\n'
            "--x\nContent-Type: text/plain\n\nIt was displayed.\n--x\n"
            "Content-Type: message/disposition-notification\n\nDisposition: automatic-action; displayed\n\n--x--\n"
        ),
        "automatic",
    ),
    "a person": (
        (
            f"From: jo@reader.example\nTo: {RETURN_PATH}\nSubject: Re: Three papers on kites\n"
            "Auto-Submitted: no\n\nLovely, thanks!\n"
        ),
        "unrelated",
    ),
    "nothing": ("", "unrelated"),
    "not junk": ("", "automatic"),  # filled in below
}


def feedback(
    kind: str = "abuse", *, original: str = ORIGINAL, to: str = "abuse@example.org", fields: str = ""
) -> str:
    """A complaint of RFC 5965."""
    return f"""\
From: <feedback@provider.example>
To: <{to}>
Date: Fri, 20 Nov 2026 09:00:00 +0000
Subject: FW: Three papers on kites
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
     boundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for a mail received on Fri, 20 Nov 2026.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: SomeGenerator/1.0
Version: 1
{fields}
--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

{original}
A digest.
--part1_13d.2e68ed54_boundary--
"""


OTHER["not junk"] = (feedback("not-spam"), "automatic")

#: The original as a provider sends it that takes out whom it names.
REDACTED = "\n".join(
    line.replace(READER, "redacted@reader.example")
    for line in ORIGINAL.splitlines()
    if not line.startswith(("Return-Path", "Received"))
)

#: Complaints: name -> (mail, whether the return path is in it).
COMPLAINTS: dict[str, tuple[str, bool]] = {
    "as the standard has it": (feedback(fields=f"Original-Mail-From: <{RETURN_PATH}>\n"), True),
    "yahoo, return path in the mail alone": (feedback(), True),
    "redacted": (feedback(original=REDACTED), False),
    "opt-out": (feedback("opt-out"), True),
    "outlook": (
        f"""\
From: <staff@provider.example>
To: abuse@example.org
Subject: complaint about message from 192.0.2.25
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"

--b1
Content-Type: message/rfc822

X-HmXmrOriginalRecipient: <{READER}>
{ORIGINAL}
A digest.
--b1--
""",
        True,
    ),
}
