#include "tasks/support/payload_reader.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace millrace {
namespace {

using nlohmann::json;

// What a person would call the value, short enough for a message.
std::string Shown(const json& value) {
  constexpr size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kLongest) text = std::string("a ") + value.type_name();
  return text;
}

// A discarded value if there is a fault, which is added.
json Parse(const std::string& payload, std::vector<std::string>& faults) {
  try {
    json value = json::parse(payload);
    if (value.is_object()) return value;
    faults.emplace_back("payload: must be a JSON object");
  } catch (const json::out_of_range&) {
    faults.emplace_back("payload: holds a number that is beyond the range of a double");
  } catch (const json::exception&) {
    faults.emplace_back("payload: is not valid JSON");
  }
  return json(json::value_t::discarded);
}

}  // namespace

PayloadReader::PayloadReader(const std::string& payload) : path_("payload"), faults_(own_faults_) {
  owned_ = std::make_unique<json>(Parse(payload, faults_));
  object_ = owned_.get();
}

PayloadReader::PayloadReader(const json& object, std::string path, std::vector<std::string>& faults)
    : object_(&object), path_(std::move(path)), faults_(faults) {
  if (!object_->is_object()) faults_.push_back(path_ + ": must be a JSON object");
}

PayloadReader::~PayloadReader() = default;

bool PayloadReader::Has(const std::string& field) const {
  return object_->is_object() && object_->contains(field);
}

const json* PayloadReader::Find(const std::string& field, bool required) {
  known_fields_.insert(field);
  if (!object_->is_object()) return nullptr;
  const auto found = object_->find(field);
  if (found != object_->end()) return &*found;
  if (required) AddFault(field, "must be given");
  return nullptr;
}

std::string PayloadReader::ToString(const json& value, const std::string& field) {
  if (!value.is_string()) {
    AddFault(field, absl::StrCat("must be a string, not ", Shown(value)));
    return "";
  }
  return value.get<std::string>();
}

std::string PayloadReader::RequiredString(const std::string& field) {
  const json* const value = Find(field, true);
  if (value == nullptr) return "";
  if (value->is_string() && value->get_ref<const std::string&>().empty()) {
    AddFault(field, "must not be empty");
  }
  return ToString(*value, field);
}

std::string PayloadReader::OptionalString(const std::string& field, const std::string& fallback) {
  const json* const value = Find(field, false);
  return value == nullptr ? fallback : ToString(*value, field);
}

bool PayloadReader::IsAbsolutePath(const json& value, const std::string& field) {
  const std::string path = value.is_string() ? value.get<std::string>() : "";
  if (path.starts_with('/') && path.find('\0') == std::string::npos) return true;
  AddFault(field,
           absl::StrCat("must be the absolute path of a file, such as \"/srv/in/a.jpg\", not ",
                        Shown(value)));
  return false;
}

std::string PayloadReader::RequiredAbsolutePath(const std::string& field) {
  const json* const value = Find(field, true);
  if (value == nullptr || !IsAbsolutePath(*value, field)) return "";
  return value->get<std::string>();
}

std::vector<std::string> PayloadReader::RequiredAbsolutePaths(const std::string& field,
                                                              size_t max_count) {
  const json* const value = Find(field, true);
  if (value == nullptr) return {};
  if (!value->is_array() || value->empty() || value->size() > max_count) {
    AddFault(field, absl::StrCat("must be a list of 1 to ", max_count, " paths"));
    return {};
  }
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (size_t i = 0; i < value->size(); ++i) {
    const std::string element = absl::StrCat(field, "[", i, "]");
    if (!IsAbsolutePath((*value)[i], element)) continue;
    paths.push_back((*value)[i].get<std::string>());
    if (!seen.insert(paths.back()).second) {
      AddFault(element, absl::StrCat("\"", paths.back(), "\" is named twice"));
    }
  }
  return paths;
}

int64_t PayloadReader::ToInt(const json& value, const std::string& field, int64_t min,
                             int64_t max) {
  // What is above the range of int64_t is kept by the parser as unsigned or as a double.
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{INT64_MAX}) &&
                    value.get<int64_t>() >= min && value.get<int64_t>() <= max;
  if (fits) return value.get<int64_t>();
  AddFault(field,
           absl::StrCat("must be a whole number from ", min, " to ", max, ", not ", Shown(value)));
  return min;
}

int64_t PayloadReader::RequiredInt(const std::string& field, int64_t min, int64_t max) {
  const json* const value = Find(field, true);
  return value == nullptr ? min : ToInt(*value, field, min, max);
}

int64_t PayloadReader::OptionalInt(const std::string& field, int64_t min, int64_t max,
                                   int64_t fallback) {
  const json* const value = Find(field, false);
  return value == nullptr ? fallback : ToInt(*value, field, min, max);
}

bool PayloadReader::OptionalBool(const std::string& field, bool fallback) {
  const json* const value = Find(field, false);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  AddFault(field, absl::StrCat("must be true or false, not ", Shown(*value)));
  return fallback;
}

void PayloadReader::RequiredValue(const std::string& field) { Find(field, true); }

void PayloadReader::OptionalObjects(const std::string& field, size_t max_count,
                                    const std::function<void(PayloadReader&)>& read) {
  const json* const value = Find(field, false);
  if (value == nullptr) return;
  if (!value->is_array() || value->empty() || value->size() > max_count) {
    AddFault(field, absl::StrCat("must be a list of 1 to ", max_count, " objects"));
    return;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    PayloadReader element((*value)[i], absl::StrCat(path_, ".", field, "[", i, "]"), faults_);
    if (!(*value)[i].is_object()) continue;
    read(element);
    element.AddUnknownFields();
  }
}

void PayloadReader::AddFault(const std::string& field, std::string_view what) {
  faults_.push_back(path_ + "." + field + ": " + std::string(what));
}

void PayloadReader::AddUnknownFields() {
  if (!object_->is_object()) return;
  for (const auto& item : object_->items()) {
    if (known_fields_.contains(item.key())) continue;
    AddFault(item.key(),
             absl::StrCat("is not a field here; these are: ", absl::StrJoin(known_fields_, ", ")));
  }
}

absl::Status PayloadReader::Finish() {
  AddUnknownFields();
  if (faults_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults_, "; "));
}

}  // namespace millrace
