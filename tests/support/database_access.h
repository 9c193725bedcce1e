#pragma once

#include <string>

namespace millrace {

class TestSchema;

// A way into the test database of which one schema can be cut off, as if its server had gone, while
// all others go on: a role of its own that may or may not log in. The schema outlives it, and what
// connects by it ends before. Used from one thread.
class DatabaseAccess {
 public:
  explicit DatabaseAccess(TestSchema& schema);
  ~DatabaseAccess();
  DatabaseAccess(const DatabaseAccess&) = delete;
  DatabaseAccess& operator=(const DatabaseAccess&) = delete;

  // What to connect with; not by those who must see what happens meanwhile.
  const std::string& url() const { return url_; }

  // Ends every connection, and refuses new ones until Allow.
  void Refuse();
  void Allow();

 private:
  TestSchema& schema_;
  const std::string role_;
  const std::string url_;
};

}  // namespace millrace
