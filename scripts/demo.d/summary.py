"""What the demo says at its end."""

import collections

from feed import styled


def _table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip()
        print("  " + (styled(line, "1") if number == 0 else line))


def print_jobs(jobs, outcomes):
    """A line for each task. `jobs` are as the client lists them; `outcomes` are those of all
    attempts: {(job, attempt): outcome}."""
    rows = [("TASK", "JOBS", "ATTEMPTS", "OUTCOMES OF ATTEMPTS", "STATE OF JOBS")]
    for task in sorted({job["task_identifier"] for job in jobs}):
        states = {job["id"]: job["state"] for job in jobs if job["task_identifier"] == task}
        of_task = [outcome for (job, _), outcome in outcomes.items() if job in states]
        rows.append((task, str(len(states)), str(len(of_task)), _counts(of_task),
                     _counts(states.values())))
    print()
    _table(rows)


def _counts(names):
    return ", ".join(f"{n} {name}" for name, n in sorted(collections.Counter(names).items()))


def size(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
