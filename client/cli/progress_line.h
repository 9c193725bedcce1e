#pragma once

#include <optional>
#include <string>

#include "client/cli/session.h"
#include "client/library/feed_message.h"
#include "server/model/job.h"
#include "server/model/job_progress.h"

namespace millrace::cli {

// What is told of a job while it is followed, on standard error: on a terminal one line with a bar,
// which is drawn anew with each piece of news, elsewhere a line for each. Owned by the command.
// Used from one thread: the command's.
class ProgressLine {
 public:
  ProgressLine(Session& session, JobId job);
  // Takes the line off the terminal.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // With the progress of its handler. Without effect if nothing has changed that is told.
  void ShowState(const JobDetails& details);
  // An end is left out, since the command tells it by itself.
  void ShowEvent(const client::FeedEvent& event);

 private:
  void ShowProgress(const JobProgress& progress);
  // Draws the line anew, or elsewhere than on a terminal writes one with the news.
  void Tell(const std::string& news);
  void Draw();

  // Constant after construction.
  Session& session_;
  const std::string name_;
  const bool terminal_;

  std::string state_;
  // What the handler said last; nothing before, and after its end.
  std::optional<JobProgress> progress_;
  // Of the event told last, unless there was progress since.
  std::string event_;
  bool drawn_ = false;
};

}  // namespace millrace::cli
