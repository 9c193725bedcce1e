#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <pqxx/pqxx>
#include <string>
#include <utility>

namespace millrace {

// The name of a schema that a server will make, and a look into it; dropped at the end. In the test
// cluster, unless the test brings one of its own, which must run at the end. Used from one thread.
class E2eSchema {
 public:
  E2eSchema() : E2eSchema(TestClusterUrl()) {}
  explicit E2eSchema(std::string url) : url_(std::move(url)) {
    static std::atomic<int> count = 0;
    name_ = "e2e_" + std::to_string(getpid()) + "_" + std::to_string(++count);
  }
  ~E2eSchema() { Query("drop schema if exists {schema} cascade"); }
  E2eSchema(const E2eSchema&) = delete;
  E2eSchema& operator=(const E2eSchema&) = delete;

  const std::string& name() const { return name_; }
  const std::string& url() const { return url_; }

  // Runs SQL in which {schema} stands for the name; returns the first value, "" if there is none.
  std::string Query(const std::string& sql) { return QueryAt(url(), InSchema(sql)); }
  int Count(const std::string& sql) { return std::stoi(Query(sql)); }

  std::string InSchema(std::string sql) const {
    const std::string mark = "{schema}";
    for (size_t at; (at = sql.find(mark)) != std::string::npos;)
      sql.replace(at, mark.size(), name_);
    return sql;
  }

  static std::string QueryAt(const std::string& url, const std::string& sql) {
    pqxx::connection connection(url);
    pqxx::nontransaction work(connection);
    const pqxx::result rows = work.exec(sql);
    return rows.empty() || rows.columns() == 0 ? "" : rows[0][0].c_str();
  }

 private:
  // Of the cluster that CTest starts around these tests.
  static std::string TestClusterUrl() {
    const char* url = std::getenv("MILLRACE_TEST_DATABASE_URL");
    if (url == nullptr)
      throw std::runtime_error("MILLRACE_TEST_DATABASE_URL is not set: use ctest");
    return url;
  }

  const std::string url_;
  std::string name_;
};

}  // namespace millrace
