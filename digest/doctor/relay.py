"""The relay, one step after the other as delivery takes them, up to where a message would begin."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator

from digest.deliver.finding import Finding, failed, ok, warning
from digest.deliver.reply import Reply, Step
from digest.relay.session import Session
from digest.relay.smtp import SmtpRelay
from digest.relay.url import Scheme
from digest.relay.wire import Broken

#: A certificate that ends sooner is told of: who renews by hand has the time to.
_SOON = dt.timedelta(days=14)
_TODO = {
    Step.CONNECT: "look at the host and port of its url, and whether a firewall lets us out; `digest config` shows it",
    Step.EHLO: "look at relay.hello: some relays take a name only that resolves to this machine",
    Step.STARTTLS: "mend the relay's certificate, or name its authority in relay.ca_file; digest never goes on in clear",
    Step.AUTH: "look at the user in its url and at relay.password_file",
    Step.MAIL: "let the relay's owner allow this sender for this user, or change `sender`",
}


def look(name: str, relay: SmtpRelay, *, sender: str, now: dt.datetime) -> Iterator[Finding]:
    """Open a session, ask whether the sender is welcome, and leave. No recipient is named, and no message sent.

    Args:
        name: The relay's, in the settings.
        sender: For MAIL FROM.
    """
    steps = _steps(relay)
    try:
        session = relay.open(relay.deadline())
    except Broken as broken:
        yield from _until(name, relay, steps, broken.reply)
        return
    try:
        for step in steps:
            yield _passed(name, relay, step, session, now)
        yield _welcome(name, session, sender)
    finally:
        session.say_goodbye()


def _steps(relay: SmtpRelay) -> list[Step]:
    steps = [Step.CONNECT, Step.EHLO]
    if relay.url.scheme is Scheme.STARTTLS:
        steps.append(Step.STARTTLS)
    return [*steps, Step.AUTH] if relay.url.user is not None else steps


def _until(name: str, relay: SmtpRelay, steps: list[Step], reply: Reply) -> Iterator[Finding]:
    """The steps that went well, then the one that did not."""
    for step in steps[: steps.index(reply.step)]:
        yield ok(_check(name, step), "went well")
    said = (
        f"{reply.code} {reply.text}".strip() if reply.code else f"{reply.silence}: {reply.text}".rstrip(": ")
    )
    where = f"{relay.url.host}:{relay.url.port}"
    yield failed(_check(name, reply.step), f"{where}: {said}", _TODO[reply.step])


def _passed(name: str, relay: SmtpRelay, step: Step, session: Session, now: dt.datetime) -> Finding:
    check = _check(name, step)
    if step is Step.CONNECT:
        where = f"{relay.url.host}:{relay.url.port} answers"
        if relay.url.scheme is Scheme.SMTPS:
            return _dated(check, session, now, f"{where} with TLS")
        if relay.url.scheme is Scheme.SMTP and not relay.url.loopback:
            return warning(
                check,
                f"{where}, without TLS: whoever is on the way reads the mail",
                "use smtp+starttls:// or smtps:// unless it is your own network",
            )
        return ok(check, where)
    if step is Step.STARTTLS:
        return _dated(check, session, now, "TLS, verified")
    if step is Step.AUTH:
        return ok(check, f"logged in as {relay.url.user}")
    offered = sorted(word.upper() for word in session.esmtp_features if word != "auth")
    return ok(check, f"offers {', '.join(offered) or 'nothing beyond SMTP'}")


def _dated(check: str, session: Session, now: dt.datetime, says: str) -> Finding:
    """With the last day of the certificate that was just verified."""
    assert isinstance(session.sock, ssl.SSLSocket)
    certificate = session.sock.getpeercert() or {}
    ends = dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), dt.UTC)
    says = f"{says}; its certificate holds until {ends:%Y-%m-%d}"
    return warning(check, says, "have it renewed") if ends - now < _SOON else ok(check, says)


def _welcome(name: str, session: Session, sender: str) -> Finding:
    check = _check(name, Step.MAIL)
    try:
        session.enter(Step.MAIL)
        code, text = session.docmd("MAIL", f"FROM:<{sender}>")
        session.docmd("RSET")
    except Broken as broken:
        code, text = broken.reply.code or 0, broken.reply.text.encode()
    if code == 250:
        return ok(check, f"takes mail from {sender.rpartition('@')[2]}; nothing was sent")
    return failed(check, f"{code or 'no answer'} {text.decode('ascii', 'replace')}".strip(), _TODO[Step.MAIL])


def _check(name: str, step: Step) -> str:
    return f"{name} {step.upper()}"
