"""What no program could beat here: bytes that are ready, hashed, signed and sent, with nothing to build or to keep."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from digest.bench.sink import HOST, BenchError
from digest.compose.message import Message
from digest.relay.smtp import SmtpRelay
from digest.relay.url import parse_url

#: Numbers of connections, a thread each, of which the fastest is taken.
CONNECTIONS = (4, 8, 32)
#: Longest that smtp-source may take, in seconds.
_MOST_S = 600.0

Finish = Callable[[Message], Message]


def as_it_is(message: Message) -> Message:
    """A message that has its last byte already."""
    return message


def signing(key_pem: bytes) -> Finish:
    """The least that a signature costs: one SHA-256 over the body, and one RSA signature over the headers.

    Of a real one nothing is missing that costs time, but no verifier would take it: canonical headers are ready too.
    """
    key, padding, digest = load_pem_private_key(key_pem, password=None), PKCS1v15(), hashes.SHA256()
    assert isinstance(key, RSAPrivateKey)

    def finish(message: Message) -> Message:
        headers, _, body = message.data.partition(b"\r\n\r\n")
        body_hash = base64.b64encode(hashlib.sha256(body).digest())
        signature = base64.b64encode(key.sign(headers + body_hash, padding, digest))
        return replace(
            message,
            data=b"DKIM-Signature: bh=%s;\r\n b=%s\r\n%s" % (body_hash, signature, message.data),
        )

    return finish


def send(
    port: int, ready: Sequence[Message], messages: int, connections: int, finish: Finish = as_it_is
) -> None:
    """Hand over so many messages by the very sessions that deliveries use, one thread for each connection.

    Args:
        port: Of the relay, on this machine.
        ready: Sent again from the first when used up.
        messages: In all.
        connections: At once.
        finish: What each message goes through before it is sent, in its connection's thread.

    Raises:
        BenchError: A message was not taken.
    """
    relay, taken = SmtpRelay(parse_url(f"smtp://{HOST}:{port}")), [0] * connections

    def serve(place: int) -> None:
        connection = relay.connect()
        for number in range(place, messages, connections):
            message = finish(ready[number % len(ready)])
            taken[place] += connection.hand_over(message).accepted
        connection.close()

    in_threads(connections, serve)
    if sum(taken) != messages:
        raise BenchError(f"of {messages} messages the relay took {sum(taken)}")


def in_threads(count: int, serve: Callable[[int], None]) -> None:
    """Let so many threads serve a place each, from 0, and wait for all of them."""
    threads = [threading.Thread(target=serve, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fastest(
    port: int, ready: Sequence[Message], messages: int, finishes: Mapping[str, Finish]
) -> dict[str, int]:
    """Try each number of connections, twice in turn; returns the fastest for each way to finish a message."""
    took_s = {(name, count): 0.0 for name in finishes for count in CONNECTIONS}
    for _ in range(2):
        for name, count in took_s:
            began = time.perf_counter()
            send(port, ready, messages, count, finishes[name])
            took_s[name, count] += time.perf_counter() - began
    return {name: min((took_s[name, count], count) for count in CONNECTIONS)[1] for name in finishes}


def smtp_source(program: str, port: int, messages: int, connections: int, message_bytes: int) -> None:
    """Let Postfix's own load generator send so many messages, over connections that it keeps open (`-d`).

    Raises:
        BenchError: It failed.
    """
    command = [program, "-d", "-s", str(connections), "-m", str(messages), "-l", str(message_bytes)]
    envelope = ["-f", "digest@example.org", "-t", "reader@example.org"]
    done = subprocess.run(  # noqa: S603 - found on a fixed path
        [*command, *envelope, f"{HOST}:{port}"], capture_output=True, check=False, timeout=_MOST_S
    )
    if done.returncode:
        raise BenchError(f"smtp-source: {done.stderr.decode(errors='replace').strip()}")
