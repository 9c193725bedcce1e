#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace millrace {

// Reads the fields of a job's payload and collects what is wrong with them, so that one message
// names every fault with its path: "payload.width: must be a whole number from 1 to 16384".
// A getter whose field is at fault records that and returns its fallback or an empty value; look at
// Finish() before using what was read. A handler makes one on its stack. Used from one thread: the
// handler's.
class PayloadReader {
 public:
  explicit PayloadReader(const std::string& payload);
  ~PayloadReader();
  PayloadReader(const PayloadReader&) = delete;
  PayloadReader& operator=(const PayloadReader&) = delete;

  bool Has(const std::string& field) const;

  std::string RequiredString(const std::string& field);
  std::string OptionalString(const std::string& field, const std::string& fallback);
  // Of a file on the server's machine.
  std::string RequiredAbsolutePath(const std::string& field);
  // One to `max_count` different ones.
  std::vector<std::string> RequiredAbsolutePaths(const std::string& field, size_t max_count);
  int64_t RequiredInt(const std::string& field, int64_t min, int64_t max);
  int64_t OptionalInt(const std::string& field, int64_t min, int64_t max, int64_t fallback);
  bool OptionalBool(const std::string& field, bool fallback);
  // Any JSON value; only says whether it is there.
  void RequiredValue(const std::string& field);
  // Reads each object of the array with `read`; nothing if the field is not there.
  void OptionalObjects(const std::string& field, size_t max_count,
                       const std::function<void(PayloadReader&)>& read);

  // Records a fault of a rule of the caller's own.
  void AddFault(const std::string& field, std::string_view what);

  // Ok, or INVALID_ARGUMENT with all faults, joined by "; ". A field that no getter has asked for
  // is one of them, since it is most likely a misspelt name.
  absl::Status Finish();

 private:
  PayloadReader(const nlohmann::json& object, std::string path, std::vector<std::string>& faults);

  // Nothing, with a fault, if the field is required and not there.
  const nlohmann::json* Find(const std::string& field, bool required);
  std::string ToString(const nlohmann::json& value, const std::string& field);
  int64_t ToInt(const nlohmann::json& value, const std::string& field, int64_t min, int64_t max);
  bool IsAbsolutePath(const nlohmann::json& value, const std::string& field);
  void AddUnknownFields();

  std::unique_ptr<nlohmann::json> owned_;
  // Never null; not an object if the payload is at fault.
  const nlohmann::json* object_ = nullptr;
  const std::string path_;
  std::vector<std::string> own_faults_;
  std::vector<std::string>& faults_;
  std::set<std::string> known_fields_;
};

}  // namespace millrace
