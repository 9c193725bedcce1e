#!/usr/bin/env python3
"""Lets a server do real work and tells what happens. scripts/demo calls it when all is built."""

import argparse
import json
import os
import pathlib
import secrets
import shutil
import signal
import sys
import threading
import time

import feed
import sales
import summary
from client import Client, ClientError
from receiver import Receiver
from server import Server, ServerError

WORK = pathlib.Path("build/demo").resolve()
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".heic")
BOX = 480
# Beyond all that it can take: what is not done then is stuck.
MOST_SECONDS = 300
SECONDS_PER_PHOTOGRAPH = 2
# Of a photograph that cannot be read any more.
RESIZE_ATTEMPTS = 3


class DemoError(Exception):
    """The demo cannot go on, or something came out wrong."""


def photographs(folder):
    """The photographs in a folder; says which files it passes over."""
    folder = pathlib.Path(folder).resolve()
    if folder == WORK or WORK in folder.parents:
        raise DemoError(f"{folder} holds what an earlier demo made, which this one would remove;"
                        " copy the photographs to another folder")
    try:
        named = sorted(path.resolve() for path in folder.iterdir()
                       if path.suffix.lower() in ENDINGS and path.is_file())
    except OSError as error:
        raise DemoError(f"cannot look into {folder}: {error.strerror}") from error
    found = [photo for photo in named if _can_be_taken(photo)]
    if not found:
        raise DemoError(f"no photographs in {folder}: it needs files that can be read and end in "
                        + ", ".join(ENDINGS))
    return found


def _can_be_taken(photo):
    """Whether the server could open it by the name that a job gives it."""
    fault = None if os.access(photo, os.R_OK) else "it cannot be read"
    try:
        str(photo).encode()
    except UnicodeEncodeError:
        fault = "its name is not UTF-8"
    if fault:
        print(f"demo: passing over {os.fsencode(photo).decode(errors='replace')}: {fault}")
    return fault is None


class Demo:
    """The story: who adds which job when."""

    def __init__(self, photos, server, client, receiver):
        self._photos = photos
        self._server = server
        self._client = client
        self._receiver = receiver
        self._names = {}
        self._photo_of_job = {}
        self._open_jobs = set()
        self._outcomes = {}
        self._import_id = None
        self._events = None

    def run(self):
        self._events = self._client.follow_events()
        done = threading.Event()
        watcher = threading.Thread(target=self._watch_over, args=(done,), daemon=True)
        watcher.start()
        try:
            self._add_first_jobs()
            for line in self._events.stdout:
                self._take(json.loads(line))
                if not self._open_jobs:
                    return
        finally:
            done.set()
            watcher.join()
            self.close()
        self._server.check()
        raise DemoError(f"{len(self._open_jobs)} jobs have not ended, or the event feed broke off")

    def _watch_over(self, done):
        """Ends the feed, and with it the demo, if the server ends or nothing comes to an end."""
        deadline = time.monotonic() + MOST_SECONDS + SECONDS_PER_PHOTOGRAPH * len(self._photos)
        while not done.wait(0.5):
            if self._server.has_ended() or time.monotonic() > deadline:
                self._events.kill()
                return

    def close(self):
        if self._events is not None:
            self._events.kill()
            self._events.wait()

    def _add_first_jobs(self):
        for month in sales.MONTHS:
            if month != sales.LATE:
                sales.write(WORK / "csv", month)
        self._import_id = self._client.add("import_csv", sales.payload(WORK / "csv"))
        self._watch(self._import_id, f"{len(sales.MONTHS)} files")
        jobs = self._client.add_many("resize_image", [
            {"source": str(photo), "target": str(self._target(photo)), "width": BOX, "height": BOX}
            for photo in self._photos], max_attempts=RESIZE_ATTEMPTS)
        for job, photo in zip(jobs, self._photos):
            self._photo_of_job[job] = photo
            self._watch(job, photo.name)

    def _target(self, photo):
        # Two photographs may differ in their endings alone.
        twins = [other for other in self._photos if other.stem == photo.stem]
        return WORK / "resized" / ((photo.stem if len(twins) == 1 else photo.name) + ".jpg")

    def _watch(self, job, name):
        self._names[job] = name
        self._open_jobs.add(job)

    def _take(self, event):
        if "gap" in event:
            raise DemoError(f"events are missing: {event['gap']}")
        feed.print_event(event, self._names)
        if "job" not in event:
            return
        job = event["job"]["job_id"]
        if event["type"] == "job/partial-success" and job == self._import_id:
            sales.write(WORK / "csv", sales.LATE)
            print(f"              -- the file that was missing comes in: {sales.LATE}.csv")
        if event["type"] == "job/completed" and job in self._photo_of_job:
            self._report(job)
        if event["type"] in feed.OUTCOMES:
            self._outcomes.setdefault((job, event["job"]["attempt"]), feed.OUTCOMES[event["type"]])
        if event["type"] in feed.ENDS:
            self._open_jobs.discard(job)

    def _report(self, resized_job):
        photo = self._photo_of_job[resized_job]
        resized = self._target(photo)
        delivery = self._client.add("deliver_webhook", {
            "url": self._receiver.url, "secret_env": "MILLRACE_WEBHOOK_SECRET_DEMO",
            "body": {"photograph": photo.name, "bytes": photo.stat().st_size,
                     "resized": str(resized), "resized_bytes": resized.stat().st_size}})
        self._watch(delivery, photo.name)

    def summarize(self, seconds):
        jobs = self._client.list()
        summary.print_jobs(jobs, self._outcomes)
        resized = list((WORK / "resized").iterdir())
        before = sum(photo.stat().st_size for photo in self._photos)
        after = sum(photo.stat().st_size for photo in resized)
        imported = self._client.get(self._import_id)["attempts"][0]["result"]
        signatures = self._receiver.bad_signatures
        facts = [
            ("photographs", f"{len(resized)} in {WORK / 'resized'},"
                            f" {summary.size(after)} instead of {summary.size(before)}"),
            ("webhooks", f"{len(self._receiver.documents)} received, {self._receiver.refused} of"
                         f" them refused at first, {signatures or 'no'} signatures wrong"),
            ("import", f"{imported['rows']} rows of {len(imported['files'])} files, each loaded"
                       f" once; the files are in {WORK / 'csv'}"),
            ("server's log", self._server.log),
            ("time", f"{seconds:.1f} s")]
        # A file that only looks like a photograph, or has gone since, is nobody's fault.
        facts += [("not resized", job["last_error"] or self._names[job["id"]])
                  for job in jobs if self._was_not_resized(job)]
        print()
        for name, fact in facts:
            print(f"  {name:<13} {fact}")
        print()
        self._check(jobs, resized)

    def _was_not_resized(self, job):
        return job["state"] in ("cancelled", "exhausted") and job["id"] in self._photo_of_job

    def _check(self, jobs, resized):
        """A demo that shows something wrong must not end as if all were well."""
        wrong = [f"job {job['id']} ({job['task_identifier']}) is {job['state']}" for job in jobs
                 if job["state"] != "completed" and not self._was_not_resized(job)]
        expected = len(self._photos) - sum(map(self._was_not_resized, jobs))
        if len(resized) != expected or len(self._receiver.documents) != expected:
            wrong.append("not every photograph was resized and reported")
        if self._receiver.bad_signatures:
            wrong.append(f"{self._receiver.bad_signatures} signatures were wrong")
        if wrong:
            raise DemoError("; ".join(wrong))


def print_next_steps(server, program):
    photo = pathlib.Path("tasks/resize_image/samples/aurora.jpg").resolve()
    print(f"""The server goes on. Commands to try:

  export MILLRACE_ADDRESS={server.address}
  {program} stats
  {program} jobs list
  {program} events --follow &
  {program} jobs add resize_image \\
    '{{"source": "{photo}", "target": "{WORK}/again.webp", "width": 300, "height": 300}}'
  {program} stop && {program} start
  python3 -c 'print(__import__("urllib.request").request.urlopen("http://{server.metrics}/metrics").read().decode())'
  {program} --help

When you have seen enough:

  kill {server.pid} && tail --pid={server.pid} -f /dev/null
  rm -r {server.folder}
""")


def play(arguments, photos):
    """Everything from the start of the server to the summary; returns the server if it is kept."""
    secret = secrets.token_hex(32)
    refused = {photo.name for photo in photos[::3]}
    receiver = Receiver(secret, lambda document: document["photograph"] in refused)
    server = Server(f"{arguments.programs}/millrace-server", WORK / "server.log", secret,
                    outlives=arguments.keep)
    kept = False
    try:
        client = Client(f"{arguments.programs}/millrace", server.address)
        server.wait_until(client.answers)
        print(f"demo: the server answers at {server.address}; {len(photos)} photographs\n")
        started = time.monotonic()
        demo = Demo(photos, server, client, receiver)
        demo.run()
        demo.summarize(time.monotonic() - started)
        kept = arguments.keep
        if kept:
            print_next_steps(server, f"{arguments.programs}/millrace")
    except (DemoError, ServerError, ClientError) as error:
        raise DemoError(f"{error}\ndemo: the end of the server's log:\n"
                        + server.log_tail()) from error
    finally:
        # A second Ctrl-C must not leave anything running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        receiver.stop()
        stopped_well = kept or server.stop()
    if not stopped_well:
        raise DemoError(f"the server did not stop well\n{server.log_tail()}")
    if not kept:
        print("demo: done; the server, its PostgreSQL and the receiver are stopped")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--programs", required=True,
                        help="the folder of millrace-server and millrace")
    parser.add_argument("folder")
    arguments = parser.parse_args()
    # So that being ended cleans up, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        photos = photographs(arguments.folder)
        shutil.rmtree(WORK, ignore_errors=True)
        for name in ("resized", "csv"):
            (WORK / name).mkdir(parents=True)
        play(arguments, photos)
    except KeyboardInterrupt:
        print("demo: ended by Ctrl-C; everything is stopped", file=sys.stderr)
        return 130
    except (DemoError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
