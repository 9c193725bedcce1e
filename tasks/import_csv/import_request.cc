#include "tasks/import_csv/import_request.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tasks/support/payload_reader.h"

namespace millrace {
namespace {

constexpr size_t kMaxFiles = 1000;
// The result of the job names them all, and history keeps at most 1 MiB of it.
constexpr size_t kMaxPathBytes = 200'000;
// PostgreSQL's own limits.
constexpr size_t kMaxColumns = 1600;
constexpr size_t kMaxNameBytes = 63;

const std::set<std::string>& KnownTypes() {
  static const std::set<std::string> types = {"bigint",
                                              "boolean",
                                              "bytea",
                                              "char",
                                              "character varying",
                                              "cidr",
                                              "date",
                                              "double precision",
                                              "inet",
                                              "integer",
                                              "interval",
                                              "json",
                                              "jsonb",
                                              "numeric",
                                              "real",
                                              "smallint",
                                              "text",
                                              "time",
                                              "timestamp",
                                              "timestamptz",
                                              "timestamp with time zone",
                                              "uuid",
                                              "varchar"};
  return types;
}

void CheckName(PayloadReader& payload, const std::string& field, const std::string& name) {
  if (!name.empty() && name.size() <= kMaxNameBytes && name.find('\0') == std::string::npos) return;
  payload.AddFault(field, absl::StrCat("a name has 1 to ", kMaxNameBytes, " bytes, not ",
                                       name.size(), ": \"", name.substr(0, kMaxNameBytes), "\""));
}

void ReadFiles(PayloadReader& payload, ImportRequest& request) {
  request.files = payload.RequiredAbsolutePaths("files", kMaxFiles);
  size_t bytes = 0;
  for (const std::string& file : request.files) bytes += file.size();
  if (bytes <= kMaxPathBytes) return;
  payload.AddFault("files", absl::StrCat("the paths have ", bytes, " bytes together, more than ",
                                         kMaxPathBytes, ": make several jobs of it"));
}

void ReadTable(PayloadReader& payload, ImportRequest& request) {
  const std::string table = payload.RequiredString("table");
  if (table.empty()) return;
  const size_t dot = table.find('.');
  if (dot == std::string::npos) {
    request.table = table;
  } else {
    request.schema = table.substr(0, dot);
    request.table = table.substr(dot + 1);
    CheckName(payload, "table", request.schema);
  }
  CheckName(payload, "table", request.table);
  if (request.table.find('.') != std::string::npos) {
    payload.AddFault("table", "must be \"table\" or \"schema.table\"");
  }
}

void ReadColumns(PayloadReader& payload, ImportRequest& request) {
  request.create_table = payload.OptionalBool("create_table", false);
  std::set<std::string> names;
  payload.OptionalObjects("columns", kMaxColumns, [&](PayloadReader& column) {
    ImportColumn read{column.RequiredString("name"), ""};
    if (!read.name.empty()) CheckName(column, "name", read.name);
    if (!names.insert(read.name).second) column.AddFault("name", "the column is named twice");
    if (request.create_table || column.Has("type")) {
      read.type = absl::AsciiStrToLower(column.RequiredString("type"));
      if (!read.type.empty() && !IsAllowedColumnType(read.type)) {
        column.AddFault("type", "must be one of " + absl::StrJoin(KnownTypes(), ", "));
      }
    }
    request.columns.push_back(std::move(read));
  });
  if (request.create_table && !payload.Has("columns")) {
    payload.AddFault("columns", "must be given to create the table");
  }
}

void ReadFormat(PayloadReader& payload, ImportRequest& request) {
  const std::string delimiter = payload.OptionalString("delimiter", ",");
  const bool valid =
      delimiter.size() == 1 && delimiter != "\"" &&
      (absl::ascii_isprint(static_cast<unsigned char>(delimiter[0])) || delimiter == "\t");
  if (valid) request.delimiter = delimiter[0];
  if (!valid) payload.AddFault("delimiter", "must be one printable ASCII character or a tab");
  request.null_text = payload.OptionalString("null", "");
  request.encoding = payload.OptionalString("encoding", "UTF8");
  if (payload.Has("import_id")) request.import_id = payload.RequiredString("import_id");
  for (const auto& [field, text] :
       {std::pair{"null", &request.null_text}, std::pair{"encoding", &request.encoding},
        std::pair{"import_id", &request.import_id}}) {
    if (text->find('\0') == std::string::npos) continue;
    payload.AddFault(field, "must not hold the character U+0000");
  }
}

}  // namespace

bool IsAllowedColumnType(const std::string& type) {
  const size_t bracket = std::min(type.find('('), type.size());
  const std::string_view name = std::string_view(type).substr(0, bracket);
  if (!KnownTypes().contains(std::string(name))) return false;
  const std::string_view modifiers = std::string_view(type).substr(bracket);
  return modifiers.empty() ||
         (modifiers.size() > 2 && modifiers.back() == ')' &&
          modifiers.substr(1, modifiers.size() - 2).find_first_not_of("0123456789, ") ==
              std::string_view::npos);
}

absl::StatusOr<ImportRequest> ReadImportRequest(const std::string& text) {
  PayloadReader payload(text);
  ImportRequest request;
  ReadFiles(payload, request);
  ReadTable(payload, request);
  ReadColumns(payload, request);
  ReadFormat(payload, request);
  if (const absl::Status valid = payload.Finish(); !valid.ok()) return valid;
  return request;
}

}  // namespace millrace
