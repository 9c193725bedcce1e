"""The server, as the demo runs it: on its embedded PostgreSQL, in a temporary data directory."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 120
STOP_SECONDS = 60


class ServerError(Exception):
    """The server did not start, or ended."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process. With `outlives`, it goes on when the demo has ended."""

    def __init__(self, program, log, secret, outlives):
        self.address = f"127.0.0.1:{free_port()}"
        self.metrics = f"127.0.0.1:{free_port()}"
        self.log = log
        # PostgreSQL runs as a user of its own where the server is root: that one must get in here.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-demo-"))
        self.folder.chmod(0o711)
        command = [program, "--listen", self.address, "--metrics-listen", self.metrics,
                   "--data-dir", str(self.folder / "data"), "--concurrency", "4",
                   "--retry-base-ms", "500"]
        if not outlives:
            # Ends the server even where the demo is killed without a chance to clean up.
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        with open(log, "wb") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                             stderr=output, env=self._environment(secret),
                                             start_new_session=True)
        self.pid = self._process.pid

    @staticmethod
    def _environment(secret):
        """Ours without settings that would make it another server, and what the tasks need."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("MILLRACE_", "PG"))
                and name not in ("DATABASE_URL", "IMPORT_CSV_DATABASE_URL")}
        return {**kept, "MILLRACE_WEBHOOK_SECRET_DEMO": secret,
                "MILLRACE_WEBHOOK_ALLOW_PRIVATE": "1"}

    def has_ended(self):
        return self._process.poll() is not None

    def check(self):
        """Raises if the process has ended."""
        if self.has_ended():
            raise ServerError(f"the server has ended with exit code {self._process.returncode}")

    def wait_until(self, answers):
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            self.check()
            if time.monotonic() > deadline:
                raise ServerError(f"the server does not answer after {START_SECONDS} seconds")
            time.sleep(0.1)

    def stop(self):
        """Ends the server, and PostgreSQL with it, and removes the data. True if it ended well."""
        if not self.has_ended():
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        return code == 0

    def log_tail(self, lines=30):
        return "".join(self.log.read_text(errors="replace").splitlines(keepends=True)[-lines:])
