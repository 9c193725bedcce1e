#!/usr/bin/env python3
"""That the rules about text find what they are there to find."""

import pathlib
import tempfile
import unittest

import docs
import rules


class RulesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def faults(self, rule):
        return rules.RULES[rule](self.root, rules.project_files(self.root))

    def assert_one_fault(self, rule, *words):
        faults = self.faults(rule)
        self.assertEqual(len(faults), 1, faults)
        for word in words:
            self.assertIn(word, faults[0])

    def test_sql_files_stand_below_the_store(self):
        self.write("server/store/sql/queries/claim.sql", "-- name: Claim\nselect 1;\n")
        self.write("server/store/sql/migrations/0001_first.sql", "create table a ();\n")
        self.assertEqual(self.faults("sql"), [])
        self.write("server/pool/claim.sql", "select 1;\n")
        self.assert_one_fault("sql", "server/pool/claim.sql")

    def test_a_query_file_names_its_statements(self):
        self.write("server/store/sql/queries/claim.sql", "select 1;\n")
        self.assert_one_fault("sql", "claim.sql", "named")

    def test_libpqxx_is_for_the_store_alone(self):
        self.write("server/store/postgres/store.cc", "#include <pqxx/pqxx>\n")
        self.assertEqual(self.faults("sql"), [])
        self.write("server/app/ping.cc", "#include <pqxx/pqxx>\n")
        self.assert_one_fault("sql", "server/app/ping.cc:1")

    def test_libpq_is_for_the_import_alone(self):
        self.write("tasks/import_csv/copy.cc", "#include <libpq-fe.h>\n")
        self.assertEqual(self.faults("sql"), [])
        self.write("tasks/resize_image/copy.cc", "#include <libpq-fe.h>\n")
        self.assert_one_fault("sql", "tasks/resize_image/copy.cc:1")

    def test_a_statement_in_the_code_is_a_fault(self):
        self.write("server/pool/pool.cc", '  Run("delete' + ' from jobs");\n  Log("delete this from that");\n')
        self.assert_one_fault("sql", "server/pool/pool.cc:1")

    def test_a_mark_of_unfinished_work_is_a_fault(self):
        self.write("server/base/a.cc", "// Nothing to do.\n// TO" + "DO: all\n")
        self.assert_one_fault("forbidden", "server/base/a.cc:2")

    def test_a_sleep_in_a_test_is_a_fault(self):
        self.write("server/base/a.cc", "  absl::SleepFor(x);\n")
        self.write("tests/support/eventually.h", "  nanosleep(&pause, nullptr);\n")
        self.assertEqual(self.faults("forbidden"), [])
        self.write("tests/unit/base/a_test.cc", "  std::this_thread::sleep_for(x);\n")
        self.assert_one_fault("forbidden", "tests/unit/base/a_test.cc:1")

    def test_a_file_that_has_outgrown_itself_is_a_fault(self):
        self.write("server/base/a.h", "\n" * 250)
        self.assertEqual(self.faults("sizes"), [])
        self.write("server/base/a.h", "\n" * 251)
        self.assert_one_fault("sizes", "server/base/a.h")


class DocsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        (self.root / "docs").mkdir()

    def test_a_link_that_resolves_is_fine(self):
        (self.root / "README.md").write_text("# A\n[b](docs/b.md) [c](docs/b.md#a-heading-of-b) [d](#a) [e](https://example.org/x)\n")
        (self.root / "docs/b.md").write_text("# B\n## A `heading` of B\n[a](../README.md)\n")
        self.assertEqual(docs.check_links(self.root), [])

    def test_a_link_to_nothing_is_a_fault(self):
        (self.root / "README.md").write_text("see\n[b](docs/c.md)\n")
        self.assertEqual(len(docs.check_links(self.root)), 1)

    def test_a_link_to_a_heading_that_is_not_there_is_a_fault(self):
        (self.root / "README.md").write_text("# A\n[b](#b)\n")
        self.assertEqual(len(docs.check_links(self.root)), 1)

    def test_a_flag_without_documentation_is_a_fault(self):
        faults = docs.compare("flags of x", {"--a", "--b"}, {"--a"}, "docs/configuration.md")
        self.assertEqual(len(faults), 1)
        self.assertIn("--b", faults[0])

    def test_a_documented_flag_that_is_not_there_is_a_fault(self):
        faults = docs.compare("flags of x", {"--a"}, {"--a", "--b"}, "docs/configuration.md")
        self.assertEqual(len(faults), 1)
        self.assertIn("--b", faults[0])

    def test_flags_are_read_from_the_section_of_their_program(self):
        text = "# C\n## One\n| `--a N` | x |\n### Sub\n| `--b` |\n## Two\n`--c`\n"
        self.assertEqual(docs.flags_in_section(text, "One"), {"--a", "--b"})


if __name__ == "__main__":
    unittest.main()
