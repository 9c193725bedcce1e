"""The server's events as lines for people."""

import sys

COLORS = {"job/completed": "32", "job/partial-success": "33", "job/failed": "33",
          "job/exhausted": "31", "job/cancelled": "31", "worker/error": "31"}
ENDS = ("job/completed", "job/exhausted", "job/cancelled")

OUTCOMES = {"job/completed": "completed", "job/partial-success": "partial success",
            "job/failed": "failed", "job/exhausted": "failed", "job/cancelled": "cancelled"}


def styled(text, code):
    return f"\033[{code}m{text}\033[0m" if code and sys.stdout.isatty() else text


def _details(event, job):
    parts = [f"ran {job['duration'] * 1000:.0f} ms"]
    if job["attempt"] > 1:
        parts.insert(0, f"attempt {job['attempt']}")
    partial = job.get("partial_success")
    if partial:
        parts.append(f"{len(partial['completed_steps'])} steps done, {len(partial['failed_steps'])}"
                     f" failed; next time from {partial['retry_from_step'].rsplit('/', 1)[-1]}")
    if job.get("error"):
        parts.append(job["error"])
    if event["type"] == "job/failed":
        parts.append("will be tried again")
    return ", ".join(parts)


def print_event(event, names):
    """`names` are what the jobs are about, by their numbers."""
    line = f"{event['emitted_at'][11:23]}  " + styled(f"{event['type']:<20}",
                                                      COLORS.get(event["type"], "36"))
    if "job" in event:
        job = event["job"]
        name = names.get(job["job_id"], "")
        line += f" {job['task_identifier']:<16} {name:<22} {_details(event, job)}"
    elif "pool" in event and event["type"] == "pool/start":
        line += f" {event['pool']['concurrency']} workers"
    elif "worker_error" in event:
        line += f" {event['worker_error']['operation']}: {event['worker_error']['error']}"
    print(line, flush=True)
