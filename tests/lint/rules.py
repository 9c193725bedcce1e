#!/usr/bin/env python3
"""Rules about the text of the project that no compiler knows.

  rules.py sql|forbidden|sizes [ROOT]

sql        PostgreSQL's client libraries are used where they belong, SQL stands in .sql files, and each statement is named.
forbidden  No marks of unfinished work; no sleeps in tests, except in what polls for all of them (tests/support).
sizes      No header or source has grown far beyond what one reads in a sitting.
"""

import pathlib
import re
import subprocess
import sys

CODE = (".cc", ".h")
TEXT = CODE + (".proto", ".sql", ".py", ".sh", ".cmake", ".txt", ".md", ".yaml", ".yml", ".json", "")
MARKS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
SLEEPS = re.compile(r"sleep_for|sleep_until|SleepFor|\busleep\(|\bnanosleep\(|(?<![:\w])sleep\(|time\.sleep|^\s*sleep +[\d$]")
STATEMENT = re.compile(r'["(]\s*(select\s.*\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|alter\s+table|create\s+table)\b', re.IGNORECASE)


def project_files(root):
    """Tracked and untracked files that are not ignored, relative to the root; all below it outside of a work tree."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.splitlines()
    else:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
        names = [name for name in names if not name.startswith(("build", ".git/"))]
    return sorted(name for name in set(names) if (root / name).is_file() and pathlib.Path(name).suffix in TEXT)


def lines(root, name):
    try:
        return enumerate((root / name).read_text().splitlines(), 1)
    except UnicodeDecodeError:
        return enumerate([], 1)


def sql(root, names):
    faults = []
    for name in names:
        if name.endswith(".sql") and not name.startswith("server/store/sql/"):
            faults.append(f"{name}: .sql files stand below server/store/sql")
        if name.startswith("server/store/sql/queries/") and not re.search(r"^-- name: \w+", (root / name).read_text(), re.MULTILINE):
            faults.append(f"{name}: no statement in it is named; begin it with `-- name: WhatItDoes`")
        if not name.endswith(CODE):
            continue
        store = name.startswith("server/store/postgres/")
        for number, line in lines(root, name):
            where = f"{name}:{number}"
            if re.match(r"\s*#\s*include\s*[<\"]pqxx", line) and not store and not name.startswith(("tests/", "bench/")):
                faults.append(f"{where}: libpqxx is included below server/store/postgres only")
            if re.match(r"\s*#\s*include\s*[<\"]libpq-fe", line) and not store and not name.startswith(("tasks/import_csv/", "tests/", "bench/")):
                faults.append(f"{where}: libpq is included below tasks/import_csv and server/store/postgres only")
            if name.startswith(("server/", "client/")) and STATEMENT.search(line):
                faults.append(f"{where}: a statement in the code; SQL stands in a named .sql file")
    return faults


def forbidden(root, names):
    faults = []
    for name in names:
        for number, line in lines(root, name):
            if MARKS.search(line):
                faults.append(f"{name}:{number}: a mark of unfinished work")
            if name.startswith("tests/") and not name.startswith(("tests/support/", "tests/lint/")) and SLEEPS.search(line):
                faults.append(f"{name}:{number}: a sleep in a test; wait for an event, or use tests/support/eventually.h")
    return faults


def sizes(root, names):
    limits = {".h": 250, ".cc": 500}
    faults = []
    for name in names:
        limit = limits.get(pathlib.Path(name).suffix)
        count = sum(1 for _ in lines(root, name)) if limit else 0
        if limit and count > limit:
            faults.append(f"{name}: {count} lines, more than {limit}; split it by what it means")
    return faults


RULES = {"sql": sql, "forbidden": forbidden, "sizes": sizes}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in RULES:
        sys.exit(f"rules: name one of {', '.join(RULES)}")
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[2]).resolve()
    faults = RULES[sys.argv[1]](root, project_files(root))
    for fault in faults:
        print(fault)
    print(f"{sys.argv[1]}: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
