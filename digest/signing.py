"""A process that signs mails, beside the one that delivers.

A signature takes ten times what composing does. By other threads of the same process it cost a third more: each time
that one is done they wait for the interpreter, and take it from who has the sockets and the ledger in hand.

The process has the keys from its start and nothing else; it ends when the one that started it closes, or dies.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, Pipe

from digest.compose.dkim import Dkim, private_key
from digest.compose.message import Unsigned
from digest.errors import SettingsError

#: How long it may take to end once nothing more comes. Who delivers waits for it, with all sockets unread: it is killed
#: sooner than it is given time, as nobody wants what it is at.
END_S = 0.5


class SigningProcess:
    """Signs what is submitted, in that order. Not for use by two threads at once.

    Args:
        domain: Of the sender's address.
        keys: PEM files by selector.
    """

    def __init__(self, domain: str, keys: Mapping[str, bytes]) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            # -P: whatever lies in the folder where it is started is none of its modules.
            command = [sys.executable, "-P", "-m", "digest.signing", str(theirs.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])  # noqa: S603 - this interpreter, no shell
        try:
            self._connection.send((domain, dict(keys)))
        except OSError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """What is ready to be read once there is something to receive."""
        return self._connection.fileno()

    def submit(self, unsigned: Sequence[Unsigned]) -> None:
        """Have these signed.

        Raises:
            OSError: The process is gone.
        """
        self._connection.send_bytes(pickle.dumps([tuple(each) for each in unsigned]))

    def has_signed(self) -> bool:
        """Whether `receive` has not to wait: for signatures, or to tell that the process is gone."""
        return self._connection.poll()

    def receive(self) -> list[bytes]:
        """Return the signatures of what was submitted first and not received yet, each as header lines.

        Raises:
            EOFError: The process is gone.
            OSError: As well.
        """
        signatures: list[bytes] = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from a process of our own
        return signatures

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._connection.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(connection: Connection) -> None:
    """Sign until the other side closes."""
    domain, keys = connection.recv()
    dkim = Dkim(domain, lambda selector: private_key(selector, keys[selector]))
    try:
        while True:
            unsigned = pickle.loads(connection.recv_bytes())  # noqa: S301 - from the process that started this one
            connection.send_bytes(pickle.dumps([dkim.headers(Unsigned(*each)) for each in unsigned]))
    except (EOFError, OSError):  # the other side has closed, or died
        return
    except (KeyError, SettingsError):  # who asks is told by our end, signs by itself, and says what is wrong
        return


if __name__ == "__main__":
    # Told to stop with the rest of its group, it goes on until what is under way has its signatures.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
