"""What no program could beat here: bytes that are ready, sent with nothing to build and nothing to keep."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence

from digest.bench.sink import HOST, BenchError
from digest.compose.message import Message
from digest.pipeline.ports import Relay


def send(relay: Relay, ready: Sequence[Message], messages: int, connections: int) -> None:
    """Hand over so many messages by the very sessions that deliveries use, one thread for each connection.

    Args:
        ready: Sent again from the first when used up.
        messages: In all.
        connections: At once.

    Raises:
        BenchError: A message was not taken.
    """
    taken = [0] * connections

    def serve(place: int) -> None:
        connection = relay.connect()
        for number in range(place, messages, connections):
            taken[place] += connection.hand_over(ready[number % len(ready)]).accepted
        connection.close()

    threads = [threading.Thread(target=serve, args=(place,)) for place in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sum(taken) != messages:
        raise BenchError(f"of {messages} messages smtp-sink took {sum(taken)}")


def smtp_source(program: str, port: int, messages: int, connections: int, message_bytes: int) -> None:
    """Let Postfix's own load generator send so many messages, over connections that it keeps open (`-d`).

    Raises:
        BenchError: It failed.
    """
    command = [program, "-d", "-s", str(connections), "-m", str(messages), "-l", str(message_bytes)]
    envelope = ["-f", "digest@example.org", "-t", "reader@example.org"]
    done = subprocess.run([*command, *envelope, f"{HOST}:{port}"], capture_output=True, check=False)  # noqa: S603 - found on a fixed path
    if done.returncode:
        raise BenchError(f"smtp-source: {done.stderr.decode(errors='replace').strip()}")
