#!/usr/bin/env python3
"""Holds the sources to the table of modules in server/README.md.

Checks each include below server/, tasks/ and client/, ours and foreign, and the links of each CMake target, against the
module's row; that the table has no cycle; and that it permits nothing that is not used.

  layers.py [ROOT]
"""

import pathlib
import re
import sys

FOLDERS = ("server", "tasks", "client")

# Foreign libraries by their headers and by their CMake targets. The C++ library, POSIX and Abseil are open to all.
FOREIGN = {
    "CLI11": (r"CLI/", r"CLI11::"),
    "civetweb": (r"CivetServer\.h|civetweb\.h", r"civetweb::|\S*civetweb"),
    "gRPC": (r"grpc/|grpcpp/|grpc\+\+/", r"gRPC::"),
    "libcurl": (r"curl/", r"CURL::|PkgConfig::CURL|PkgConfig::LIBCURL"),
    "libpq": (r"libpq-fe\.h|libpq/|postgres_ext\.h", r"PkgConfig::PQ$|PostgreSQL::"),
    "libpqxx": (r"pqxx", r"PkgConfig::PQXX"),
    "libvips": (r"vips/", r"PkgConfig::VIPS"),
    "nlohmann-json": (r"nlohmann/", r"nlohmann_json::"),
    "openssl": (r"openssl/", r"OpenSSL::"),
    "prometheus": (r"prometheus/", r"prometheus-cpp::"),
    "protobuf": (r"google/protobuf/", r"protobuf::"),
    "spdlog": (r"spdlog/|fmt/", r"spdlog::|fmt::"),
}
OPEN_TO_ALL = (r"[a-z_0-9]+$|absl/|(sys|linux|netinet|arpa|net)/[a-z_0-9]+\.h$|(ctype|cxxabi|dirent|dlfcn|errno|fcntl|getopt|grp|"
               r"limits|locale|math|netdb|poll|pthread|pwd|sched|signal|spawn|stdint|stdio|stdlib|string|syslog|termios|time|"
               r"unistd|wchar)\.h$")
LINKS_OPEN_TO_ALL = r"absl::|Threads::|millrace_warnings$|stdc\+\+|rt$|dl$"
GENERATED_MODULE = "proto"
GENERATED = r"millrace/v1/\w+(\.grpc)?\.pb\.h$"


class Module:
    def __init__(self, name, folder, modules, foreign):
        self.name = name
        self.folder = folder
        self.modules = modules
        self.foreign = foreign
        self.used = set()


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def names(cell):
    return [name.strip("` ") for name in cell.split(",") if name.strip("` –-")]


def read_table(readme):
    """The modules by name, from the table whose first heading is "module"; faults of the table itself."""
    modules, faults, inside = {}, [], False
    for line in readme.read_text().splitlines():
        if not line.startswith("|"):
            inside = False
        elif cells(line)[0] == "module":
            inside = True
        elif inside and not set(line) <= set("|-: "):
            name, folder, ours, foreign = cells(line)[:4]
            name = name.strip("` ")
            modules[name] = Module(name, folder.strip("` ").rstrip("/"), names(ours), names(foreign))
    for module in modules.values():
        for other in module.modules:
            if other not in modules:
                faults.append(f"{readme}: {module.name} may include {other}, which has no row")
        for other in module.foreign:
            if other not in FOREIGN:
                faults.append(f"{readme}: {module.name} may include {other}, which tests/lint/layers.py does not know")
    return modules, faults


def cycles(modules, readme):
    faults, done = [], set()

    def visit(name, path):
        if name in path:
            faults.append(f"{readme}: a cycle: {' -> '.join(path[path.index(name):] + [name])}")
        elif name in modules and name not in done:
            for other in modules[name].modules:
                visit(other, path + [name])
            done.add(name)

    for name in modules:
        visit(name, [])
    return faults


def module_of(path, modules):
    """The module in whose folder (or which itself) the path is: the one with the longest."""
    best = None
    for module in modules.values():
        if path == module.folder or path.startswith(module.folder + "/"):
            if best is None or len(module.folder) > len(best.folder):
                best = module
    return best


def check_use(module, where, group, other, faults, readme):
    """`other` is used by `module`, as a module of ours or a foreign library."""
    allowed = module.modules if group == "modules" else module.foreign
    module.used.add(other)
    if other != module.name and other not in allowed:
        permitted = ", ".join(allowed) or "none"
        faults.append(f"{where}: {module.name} may not use {other} (of these {group} it may: {permitted}; see {readme})")


def foreign_of(text, column):
    return next((name for name, patterns in FOREIGN.items() if re.match(patterns[column], text)), None)


def check_include(module, where, quoted, included, modules, faults, readme):
    if re.match(GENERATED, included):
        check_use(module, where, "modules", GENERATED_MODULE, faults, readme)
        return
    if included.split("/")[0] in FOLDERS:
        other = module_of(included, modules)
        if other is None:
            faults.append(f"{where}: {included} belongs to no module of {readme}")
        else:
            check_use(module, where, "modules", other.name, faults, readme)
        return
    foreign = foreign_of(included, 0)
    if foreign:
        check_use(module, where, "foreign libraries", foreign, faults, readme)
    elif quoted and "/" not in included:
        faults.append(f'{where}: "{included}": includes begin at the root of the repository')
    elif not re.match(OPEN_TO_ALL, included):
        faults.append(f"{where}: {included}: no library that tests/lint/layers.py knows; add it there and to {readme}")


def check_includes(root, modules, readme):
    faults = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            name = path.relative_to(root).as_posix()
            module = module_of(name, modules)
            if module is None:
                faults.append(f"{name}: belongs to no module of {readme}")
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
                if found:
                    check_include(module, f"{name}:{number}", found[1] == '"', found[2], modules, faults, readme)
    return faults


def check_links(root, modules, readme):
    """Each target made by millrace_module or millrace_executable links what its row allows, and has a row."""
    faults = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("CMakeLists.txt")):
            text = re.sub(r"#.*", "", path.read_text())
            for target, rest in re.findall(r"millrace_(?:module|executable)\(\s*([^\s)]+)([^)]*)\)", text):
                where = f"{path.relative_to(root).as_posix()}: {target}"
                if target not in modules:
                    faults.append(f"{where} has no row in {readme}")
                    continue
                module = modules[target]
                links = re.split(r"\b(?:LINKS|PRIVATE_LINKS)\b", rest)[1:]
                for link in " ".join(links).split():
                    link = re.sub(r"^\$<TARGET_NAME_IF_EXISTS:(.*)>$", r"\1", link)
                    ours = re.match(r"millrace(?:::|_)([\w-]+)$", link)
                    foreign = foreign_of(link, 1)
                    if re.match(LINKS_OPEN_TO_ALL, link):
                        continue
                    if ours:
                        check_use(module, where, "modules", ours[1], faults, readme)
                    elif foreign:
                        check_use(module, where, "foreign libraries", foreign, faults, readme)
                    else:
                        faults.append(f"{where} links {link}: no library that tests/lint/layers.py knows")
    return faults


def unused(modules, readme):
    faults = []
    for module in modules.values():
        if module.name == GENERATED_MODULE:
            continue
        for name in module.modules + module.foreign:
            if name not in module.used:
                faults.append(f"{readme}: {module.name} may use {name} and does not; take it out of the row")
    return faults


def check(root):
    """Every fault of the tree, one line each."""
    path = root / "server/README.md"
    modules, faults = read_table(path)
    readme = "server/README.md"
    if not modules:
        return [f'{readme}: no table whose first heading is "module"']
    faults += cycles(modules, readme)
    faults += check_includes(root, modules, readme)
    faults += check_links(root, modules, readme)
    faults += unused(modules, readme)
    return faults


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    faults = check(root)
    for fault in faults:
        print(fault)
    print(f"layers: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
