#pragma once

#include <string>

namespace millrace {

// Whether it has the form of a connection string or URI; what it holds may be wrong all the same.
bool IsDatabaseUrl(const std::string& text);

// What may be said of a connection string or URI: host, port, database and user, such as
// "jobs@db.example.org:5432/work". Never a password.
std::string DescribeDatabase(const std::string& database_url);

// `message` on one line and without the password that `database_url` carries.
std::string WithoutPassword(const std::string& message, const std::string& database_url);

}  // namespace millrace
