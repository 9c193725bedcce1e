#include "client/cli/progress_line.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/output/event_output.h"
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
  const double share = std::clamp(percent / 100, 0.0, 1.0);
  const int full = static_cast<int>(std::floor(share * kBarWidth));
  return absl::StrCat("[", std::string(full, '#'), std::string(kBarWidth - full, '-'), "]",
                      absl::StrFormat(" %3.0f %%", std::floor(share * 100)));
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
  std::string text = StateText(details);
  if (text == state_) return;
  state_ = std::move(text);
  // What the attempt before had come to.
  if (details.state != JobState::kHeld) percent_.reset();
  if (terminal_) return Draw();
  session_.console().err << name_ << ": " << VisibleText(state_) << std::endl;
}

void ProgressLine::ShowEvent(const client::FeedEvent& event) {
  if (IsEnd(event.type)) return;
  if (!terminal_) {
    session_.console().err << EventLine(event, /*colored=*/false) << std::endl;
    return;
  }
  percent_.reset();
  message_ = event.type;
  if (const auto* job = std::get_if<JobEventData>(&event.data); job != nullptr) {
    if (!job->error.empty()) absl::StrAppend(&message_, ": ", job->error);
  }
  Draw();
}

void ProgressLine::ShowProgress(std::optional<double> percent, const std::string& message) {
  percent_ = percent;
  message_ = message;
  if (terminal_) return Draw();
  session_.console().err << name_ << ":"
                         << (percent.has_value() ? absl::StrFormat(" %.0f %%", *percent) : "")
                         << (message.empty() ? "" : " ") << VisibleText(message) << std::endl;
}

void ProgressLine::Draw() {
  std::string line = name_;
  if (percent_.has_value()) {
    absl::StrAppend(&line, " ", Bar(*percent_));
  } else if (!state_.empty()) {
    absl::StrAppend(&line, ": ", state_);
  }
  if (!message_.empty()) absl::StrAppend(&line, percent_.has_value() ? " " : "; ", message_);
  const size_t width = session_.width() == 0 ? kUsualWidth : session_.width();
  session_.console().err << kLineStart << Shortened(VisibleText(line), width - 1) << std::flush;
  drawn_ = true;
}

}  // namespace millrace::cli
