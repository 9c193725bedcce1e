#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/interrupt_watcher.h"
#include "client/cli/job_batch.h"
#include "client/cli/job_spec_line.h"
#include "client/output/names.h"

namespace millrace::cli {
namespace {

struct AddManyOptions {
  std::string file = "-";
  int64_t from_line = 1;
};

// Adds the lines of one file, batch by batch, in order. Used from one thread: the command's.
class LinesAdder {
 public:
  LinesAdder(client::JobQueueClient& queue, int64_t from_line, Session& session)
      : session_(session), batch_(queue), from_line_(from_line), next_line_(from_line) {}

  // All lines of `in` are added, or an error says which is not.
  absl::Status AddLines(std::istream& in, const InterruptWatcher& interrupt) {
    std::string text;
    for (int64_t line = 1; interrupt.signal() == 0 && std::getline(in, text); ++line) {
      if (line < from_line_ || text.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (absl::Status added = AddLine(text, line); !added.ok()) return added;
    }
    if (interrupt.signal() != 0) {
      session_.set_interrupted_by(interrupt.signal());
      return absl::CancelledError("interrupted");
    }
    if (in.bad()) return absl::InvalidArgumentError("the file cannot be read to its end");
    return Send();
  }

  void WriteProgress(bool last) const {
    if (!session_.console().err_is_terminal) return;
    session_.console().err << "\r" << added() << " jobs added" << (last ? "\n" : "") << std::flush;
  }

  // What a failed run leaves behind, and how to go on.
  void WriteResume() const {
    std::string text = absl::StrCat(added(), added() == 1 ? " job was" : " jobs were", " added");
    if (unsure_until_ > 0) {
      absl::StrAppend(&text, "; lines ", next_line_, " to ", unsure_until_,
                      " may have been added all the same");
    }
    session_.Remark(absl::StrCat(text, "; go on with --from-line ", next_line_));
  }

  void WriteSummary() const {
    if (session_.json()) return;
    session_.out() << "added " << added() << " jobs: " << counts_[0] << " created, " << counts_[1]
                   << " updated, " << counts_[2] << " existing\n";
  }

 private:
  int64_t added() const { return counts_[0] + counts_[1] + counts_[2]; }

  absl::Status AddLine(const std::string& text, int64_t line) {
    absl::StatusOr<JobSpec> spec = ParseJobSpecLine(text);
    if (!spec.ok()) {
      // Everything before the bad line is added, so that its number is the place to go on.
      if (absl::Status sent = Send(); !sent.ok()) return sent;
      next_line_ = line;
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line, ": ", std::string(spec.status().message())));
    }
    if (batch_.MustSendBefore(*spec)) {
      if (absl::Status sent = Send(); !sent.ok()) return sent;
    }
    batch_.Append(*std::move(spec), line);
    return absl::OkStatus();
  }

  absl::Status Send() {
    if (batch_.empty()) return absl::OkStatus();
    const absl::StatusOr<std::vector<client::AddedJob>> added_jobs = batch_.Send();
    const std::vector<int64_t>& lines = batch_.lines();
    if (!added_jobs.ok()) {
      next_line_ = lines.front();
      const bool refused = absl::IsInvalidArgument(added_jobs.status()) ||
                           absl::IsResourceExhausted(added_jobs.status());
      if (!refused) unsure_until_ = lines.back();
      return added_jobs.status();
    }
    for (size_t i = 0; i < added_jobs->size(); ++i) {
      const client::AddedJob& job = (*added_jobs)[i];
      ++counts_[static_cast<size_t>(job.result)];
      if (!session_.json()) continue;
      session_.Write(
          JsonObject().Add("line", lines[i]).Add("id", job.id).Add("result", Name(job.result)));
    }
    next_line_ = lines.back() + 1;
    WriteProgress(/*last=*/false);
    return absl::OkStatus();
  }

  Session& session_;
  JobBatch batch_;
  const int64_t from_line_;
  // The first line that was not added.
  int64_t next_line_;
  // Whether the last call has taken effect is not known: the last of its lines.
  int64_t unsure_until_ = 0;
  // In the order of AddResult.
  std::array<int64_t, 3> counts_ = {};
};

absl::Status AddMany(const AddManyOptions& options, Session& session) {
  std::ifstream file;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary);
    if (!file) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot read the file ", options.file, ": ", std::strerror(errno)));
    }
  }
  const absl::StatusOr<const client::Connection*> connection = session.Connect();
  if (!connection.ok()) return connection.status();
  client::JobQueueClient queue(**connection);
  const InterruptWatcher interrupt(nullptr);
  LinesAdder adder(queue, options.from_line, session);
  const absl::Status added =
      adder.AddLines(options.file == "-" ? session.console().in : file, interrupt);
  adder.WriteProgress(/*last=*/true);
  if (added.ok()) {
    adder.WriteSummary();
  } else {
    adder.WriteResume();
  }
  return added;
}

}  // namespace

void AddJobsAddManyCommand(CLI::App& jobs, Session& session) {
  CLI::App* const command =
      jobs.add_subcommand("add-many", "Add jobs from lines of JSON, 1000 in a transaction");
  const auto options = std::make_shared<AddManyOptions>();
  command->add_option("FILE", options->file, "The file to read; - for standard input")
      ->capture_default_str()
      ->type_name("");
  command->add_option("--from-line", options->from_line, "Leave out the lines before this one")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 53, ""))
      ->type_name("N");
  command->footer(
      "Each line is a JSON object with the fields of millrace.v1.JobSpec: task_identifier, "
      "payload\n"
      "(an object), queue_name, run_at (such as 2026-03-01T12:00:00Z), priority, max_attempts,\n"
      "job_key, job_key_mode (replace, preserve_run_at, unsafe_dedupe), flags, correlation_id,\n"
      "metadata. Lines are added in order; after an error the command says where to go on.\n"
      "With --output json, each added job is one line: {\"line\": 1, \"id\": 7, \"result\": "
      "\"created\"}.");
  command->callback([&session, options] {
    session.set_action([options](Session& running) { return AddMany(*options, running); });
  });
}

}  // namespace millrace::cli
