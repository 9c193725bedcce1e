"""The command `millrace`, as the demo calls it."""

import json
import subprocess


class ClientError(Exception):
    """The command failed; the text is what it said."""


class Client:
    """Calls `millrace` against one server."""

    def __init__(self, program, address):
        self._base = [program, "--address", address, "--timeout", "60s", "--output", "json"]

    def _run(self, *arguments, text_in=None):
        done = subprocess.run([*self._base, *arguments], input=text_in, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise ClientError(f"millrace {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def answers(self):
        """Whether the server answers."""
        try:
            self._run("stats")
        except ClientError:
            return False
        return True

    def add(self, task, payload):
        """Adds a job and returns its number."""
        added = self._run("jobs", "add", task, "-", text_in=json.dumps(payload))[0]
        return int(added.get("job", added)["id"])

    def add_many(self, task, payloads, **options):
        """Adds jobs with the same options in one transaction and returns their numbers."""
        lines = [json.dumps({"task_identifier": task, "payload": p, **options}) for p in payloads]
        return [int(line["id"]) for line in self._run("jobs", "add-many", text_in="\n".join(lines))]

    def get(self, job_id):
        """The job with its attempts."""
        return self._run("jobs", "get", str(job_id))[0]

    def list(self):
        """All jobs."""
        return self._run("jobs", "list", "--all")

    def follow_events(self):
        """The process that prints every event of the server, from its first on, as a line."""
        return subprocess.Popen([*self._base, "events", "--follow", "--after", "0"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                start_new_session=True)
