#!/usr/bin/env python3
"""That lint.layers finds what it is there to find: each test spoils a small tree that is in order."""

import pathlib
import tempfile
import unittest

import layers

README = """
| module | folder | may include | foreign libraries | what |
|---|---|---|---|---|
| base | server/base | – | spdlog | base |
| model | server/model | base | – | values |
| store | server/store | model | libpqxx | database |
| rpc | server/rpc | proto | gRPC | service |
| proto | proto | – | gRPC | generated |
"""
TREE = {
    "server/README.md": README,
    "server/base/clock.h": '#pragma once\n#include <vector>\n#include <sys/stat.h>\n#include "absl/time/time.h"\n#include "spdlog/spdlog.h"\n',
    "server/base/CMakeLists.txt": "millrace_module(base SOURCES clock.cc LINKS absl::time spdlog::spdlog)\n",
    "server/model/job.h": '#pragma once\n#include "server/base/clock.h"\n',
    "server/model/CMakeLists.txt": "millrace_module(model\n  SOURCES job.cc\n  LINKS millrace::base\n  PRIVATE_LINKS absl::time)\n",
    "server/store/store.cc": '#include <pqxx/connection>\n#include "server/model/job.h"\n',
    "server/store/CMakeLists.txt": "millrace_module(store SOURCES store.cc LINKS millrace::model PRIVATE_LINKS PkgConfig::PQXX)\n",
    "server/rpc/service.cc": '#include <grpcpp/grpcpp.h>\n#include "millrace/v1/job_queue.grpc.pb.h"\n',
}


class LayersTest(unittest.TestCase):
    def faults(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in (TREE | changes).items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return layers.check(root)

    def assert_one_fault(self, changes, *words):
        faults = self.faults(changes)
        self.assertEqual(len(faults), 1, faults)
        for word in words:
            self.assertIn(word, faults[0])

    def test_a_tree_in_order_has_no_fault(self):
        self.assertEqual(self.faults({}), [])

    def test_an_include_against_the_direction_is_a_fault(self):
        self.assert_one_fault({"server/base/late.cc": '#include "server/model/job.h"\n'}, "server/base/late.cc:1", "base may not use model")

    def test_a_foreign_library_outside_of_its_module_is_a_fault(self):
        self.assert_one_fault({"server/model/query.cc": "\n#include <pqxx/pqxx>\n"}, "server/model/query.cc:2", "libpqxx")

    def test_generated_code_outside_of_the_service_is_a_fault(self):
        self.assert_one_fault({"server/store/wire.cc": '#include "millrace/v1/types.pb.h"\n'}, "store may not use proto")

    def test_an_unknown_library_is_a_fault(self):
        self.assert_one_fault({"server/base/new.cc": "#include <boost/any.hpp>\n"}, "boost/any.hpp")

    def test_an_include_beside_the_file_is_a_fault(self):
        self.assert_one_fault({"server/base/near.cc": '#include "clock.h"\n'}, "root of the repository")

    def test_a_file_outside_of_all_modules_is_a_fault(self):
        self.assert_one_fault({"client/lost.cc": "#include <vector>\n"}, "client/lost.cc", "no module")

    def test_a_link_against_the_direction_is_a_fault(self):
        lists = "millrace_module(base SOURCES clock.cc LINKS spdlog::spdlog\n PRIVATE_LINKS millrace::store)\n"
        self.assert_one_fault({"server/base/CMakeLists.txt": lists}, "server/base/CMakeLists.txt", "store")

    def test_a_foreign_link_outside_of_its_module_is_a_fault(self):
        lists = "millrace_module(model SOURCES job.cc LINKS millrace::base gRPC::grpc++)\n"
        self.assert_one_fault({"server/model/CMakeLists.txt": lists}, "gRPC")

    def test_a_target_without_a_row_is_a_fault(self):
        self.assert_one_fault({"server/extra/CMakeLists.txt": "millrace_module(extra SOURCES a.cc LINKS absl::time)\n"}, "extra", "no row")

    def test_a_permission_that_nothing_uses_is_a_fault(self):
        readme = README.replace("| model | server/model | base | –", "| model | server/model | base | libvips")
        self.assert_one_fault({"server/README.md": readme}, "model may use libvips and does not")

    def test_a_cycle_in_the_table_is_a_fault(self):
        readme = README.replace("| base | server/base | –", "| base | server/base | model")
        use = {"server/base/cycle.cc": '#include "server/model/job.h"\n', "server/README.md": readme}
        self.assert_one_fault(use, "cycle: base -> model -> base")

    def test_a_missing_table_is_a_fault(self):
        self.assert_one_fault({"server/README.md": "# Modules\n"}, "no table")


if __name__ == "__main__":
    unittest.main()
