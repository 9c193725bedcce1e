#include "tests/e2e/private_cluster.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "tests/e2e/command_process.h"
#include "tests/support/process_tree.h"

namespace millrace {

PrivateCluster::PrivateCluster() { Do("start"); }

PrivateCluster::~PrivateCluster() {
  Thaw();
  Do("stop");
}

std::string PrivateCluster::url() const {
  return "host=" + folder_.path() + "/cluster user=millrace dbname=postgres";
}

void PrivateCluster::Do(const std::string& action) {
  const CommandEnd end = RunToEnd(MILLRACE_CLUSTER_SCRIPT, {action, folder_.path() + "/cluster"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
}

void PrivateCluster::Crash() { Do("crash"); }

void PrivateCluster::Restart() { Do("restart"); }

void PrivateCluster::Freeze() {
  pid_t postmaster = 0;
  std::ifstream(folder_.path() + "/cluster/data/postmaster.pid") >> postmaster;
  // Never a number that kill would take for a group of processes.
  ASSERT_GT(postmaster, 0);
  frozen_ = FreezeWithChildren(postmaster);
}

void PrivateCluster::Thaw() {
  for (const pid_t pid : frozen_) kill(pid, SIGCONT);
  frozen_.clear();
}

}  // namespace millrace
