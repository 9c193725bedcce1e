"""What the demo says at its end."""

import collections

from feed import styled


def _table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip()
        print("  " + (styled(line, "1") if number == 0 else line))


def print_jobs(jobs):
    """A line for each task. `jobs` are as the client gives them, with their attempts."""
    rows = [("TASK", "JOBS", "ATTEMPTS", "OUTCOMES OF ATTEMPTS", "STATE OF JOBS")]
    tasks = collections.defaultdict(list)
    for job in jobs:
        tasks[job["job"]["task_identifier"]].append(job)
    for task, of_task in sorted(tasks.items()):
        outcomes = collections.Counter(a["outcome"] for j in of_task for a in j["attempts"])
        states = collections.Counter(j["job"]["state"] for j in of_task)
        rows.append((task, str(len(of_task)), str(outcomes.total()), _counts(outcomes),
                     _counts(states)))
    print()
    _table(rows)


def _counts(counter):
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items()))


def size(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
