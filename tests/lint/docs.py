#!/usr/bin/env python3
"""Holds the documentation to what is there.

  docs.py links [ROOT]                 links between pages resolve, headings included
  docs.py flags SERVER CLIENT [ROOT]   docs/configuration.md has every flag of the two programs' --help, and no other
  docs.py names [ROOT]                 metrics, event types and threads of the code are in the documentation, and no other
"""

import pathlib
import re
import subprocess
import sys

CONFIGURATION = "docs/configuration.md"
FLAG = r"(?<![\w-])--[a-z][a-z0-9-]*"


def pages(root):
    found = [path for path in root.glob("*.md")]
    for folder in ("docs", "server", "deploy", "tests", "tasks", "client", "bench"):
        found += (root / folder).rglob("*.md")
    return sorted(found)


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text):
    """The anchors of a page's headings, as code hosts make them."""
    made = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", without_code(text), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-")
        made.add(slug)
    return made


def check_links(root):
    faults = []
    for page in pages(root):
        text = page.read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            name = page.relative_to(root)
            if not there.exists():
                faults.append(f"{name}: a link to {target}, which does not exist")
            elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text()):
                faults.append(f"{name}: a link to {target}, but there is no such heading")
    return faults


def section(text, heading):
    """The part of a page below a second-level heading."""
    found = re.search(rf"^## {re.escape(heading)}\s*$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def flags_in_section(text, heading):
    return set(re.findall(rf"`({FLAG})[^`]*`", section(text, heading)))


def flags_of_help(program, *command):
    """The flags that --help of a command and of the commands below it shows as entries."""
    done = subprocess.run([program, *command, "--help"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"docs: {program} {' '.join(command)} --help ended with {done.returncode}: {done.stderr.strip()}")
    flags = set()
    for entry in re.findall(r"^ {2}(?:-\w, ?)?--.*$", done.stdout, re.MULTILINE):
        # What follows two spaces or a value is the description, which may name others.
        flags.update(re.findall(FLAG, re.match(r"((?:^|, ?| *)-{1,2}[a-z][\w-]*)+", entry)[0]))
    below = re.search(r"^Subcommands:\n((?: .*\n)+)", done.stdout, re.MULTILINE)
    for subcommand in re.findall(r"^ {2}([a-z][\w-]*)", below[1] if below else "", re.MULTILINE):
        flags |= flags_of_help(program, *command, subcommand)
    return flags


def compare(what, there, documented, page):
    faults = [f"{page}: {name}, of the {what}, is not documented" for name in sorted(there - documented)]
    faults += [f"{page}: {name} is documented, but is none of the {what}" for name in sorted(documented - there)]
    return faults


def check_flags(root, server, client):
    text = (root / CONFIGURATION).read_text()
    faults = compare("flags of millrace-server", flags_of_help(server), flags_in_section(text, "millrace-server"), CONFIGURATION)
    variables = set(re.findall(r"\[(MILLRACE_[A-Z_]+)\]", subprocess.run([server, "--help"], capture_output=True, text=True).stdout))
    faults += compare("variables of millrace-server", variables, set(re.findall(r"`(MILLRACE_[A-Z_]+)`", section(text, "millrace-server"))), CONFIGURATION)
    faults += compare("flags of millrace", flags_of_help(client), flags_in_section(text, "millrace"), CONFIGURATION)
    return faults


def thread_names(root):
    """The names that the server gives to its threads, as far as they are literals."""
    names = set()
    for path in sorted((root / "server").rglob("*.cc")):
        for numbered, name in re.findall(r'\b(?:StartNamedThread\(|Spawn\(|\w+_lane_\(|PeriodicDuty::Options{\s*\.name = )(absl::StrCat\()?"([a-z-]+)"', path.read_text()):
            names.add(name + "N" if numbered else name)
    return names


def check_names(root):
    code = "".join(path.read_text() for path in sorted((root / "server").rglob("*.cc")))
    metrics = set(re.findall(r'"(millrace_[a-z_]+)"', code))
    configuration = (root / CONFIGURATION).read_text()
    faults = compare("metrics", metrics, set(re.findall(r"`(millrace_[a-z_]+)`", section(configuration, "Metrics"))), CONFIGURATION)
    events = set(re.findall(r'"((?:pool|job|worker|cron)/[a-z-]+)"', (root / "server/model/job_event.cc").read_text()))
    lifecycle = "docs/job-lifecycle.md"
    documented = set(re.findall(r"`((?:pool|job|worker|cron)/[a-z-]+)`", section((root / lifecycle).read_text(), "Events")))
    faults += compare("event types", events, documented, lifecycle)
    architecture = "docs/architecture.md"
    rows = re.findall(r"^\| (`[^|]*) \|", section((root / architecture).read_text(), "Threads"), re.MULTILINE)
    documented = set(re.findall(r"`([\w-]+)`", " ".join(rows)))
    return faults + compare("threads", thread_names(root), documented, architecture)


def main():
    arguments = sys.argv[1:]
    what = arguments.pop(0) if arguments else ""
    programs = [arguments.pop(0) for _ in range(2)] if what == "flags" else []
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parents[2]).resolve()
    if what == "links":
        faults = check_links(root)
    elif what == "flags":
        faults = check_flags(root, *programs)
    elif what == "names":
        faults = check_names(root)
    else:
        sys.exit(__doc__)
    for fault in faults:
        print(fault)
    print(f"docs: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
