#pragma once

#include <functional>
#include <string>
#include <thread>

namespace millrace {

// Starts a thread whose name shows in ps, top and debuggers. `name` is cut to 15 bytes, the
// kernel's limit. The caller joins it.
std::thread StartNamedThread(const std::string& name, std::function<void()> body);

}  // namespace millrace
