#include "client/cli/progress_line.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/output/event_output.h"
#include "client/output/job_output.h"
#include "client/output/names.h"
#include "client/output/text.h"

namespace millrace::cli {
namespace {

constexpr int kBarWidth = 24;
// Of a terminal whose width is not known.
constexpr size_t kUsualWidth = 80;
// To the beginning of the line, and clear it.
constexpr char kLineStart[] = "\r\x1b[K";

std::string Bar(double percent) {
  const int full = static_cast<int>(std::clamp(percent / 100, 0.0, 1.0) * kBarWidth);
  return absl::StrCat("[", std::string(full, '#'), std::string(kBarWidth - full, '-'), "]");
}

std::string StateText(const JobDetails& details) {
  std::string text(Name(details.state));
  if (!details.worker_id.empty()) absl::StrAppend(&text, " by ", details.worker_id);
  if (details.state == JobState::kHeld || details.job.attempt > 0) {
    absl::StrAppend(&text, ", attempt ", details.job.attempt, "/", details.job.max_attempts);
  }
  if (!details.cancel_reason.empty()) {
    absl::StrAppend(&text, ", to be cancelled: ", details.cancel_reason);
  }
  if (!details.fail_reason.empty()) {
    absl::StrAppend(&text, ", to be failed: ", details.fail_reason);
  }
  return text;
}

bool IsEnd(const std::string& type) {
  return type == "job/completed" || type == "job/cancelled" || type == "job/exhausted";
}

}  // namespace

ProgressLine::ProgressLine(Session& session, JobId job)
    : session_(session),
      name_(absl::StrCat("job ", job)),
      terminal_(session.console().err_is_terminal) {}

ProgressLine::~ProgressLine() {
  if (drawn_) session_.console().err << kLineStart << std::flush;
}

void ProgressLine::ShowState(const JobDetails& details) {
  if (std::string state = StateText(details); state != state_) {
    state_ = std::move(state);
    // What the attempt before had come to.
    if (details.state != JobState::kHeld) progress_.reset();
    Tell(state_);
  }
  if (details.progress.has_value()) ShowProgress(details.progress->progress);
}

void ProgressLine::ShowEvent(const client::FeedEvent& event) {
  if (IsEnd(event.type)) return;
  const auto* job = std::get_if<JobEventData>(&event.data);
  if (job != nullptr && job->progress != nullptr) return ShowProgress(*job->progress);
  progress_.reset();
  event_ = event.type;
  if (job != nullptr && !job->error.empty()) absl::StrAppend(&event_, ": ", job->error);
  if (terminal_) return Draw();
  session_.console().err << EventLine(event, /*colored=*/false) << std::endl;
}

void ProgressLine::ShowProgress(const JobProgress& progress) {
  // The feed and the state say the same.
  if (progress_ == progress) return;
  progress_ = progress;
  event_.clear();
  Tell(ProgressText(progress));
}

void ProgressLine::Tell(const std::string& news) {
  if (terminal_) return Draw();
  session_.console().err << name_ << ": " << VisibleText(news) << std::endl;
}

void ProgressLine::Draw() {
  std::string line = name_;
  if (progress_.has_value()) {
    absl::StrAppend(&line, " ", Bar(progress_->percent), " ", ProgressText(*progress_));
  } else if (!state_.empty()) {
    absl::StrAppend(&line, ": ", state_);
  }
  if (!event_.empty()) absl::StrAppend(&line, "; ", event_);
  const size_t width = session_.width() == 0 ? kUsualWidth : session_.width();
  session_.console().err << kLineStart << Shortened(VisibleText(line), width - 1) << std::flush;
  drawn_ = true;
}

}  // namespace millrace::cli
