#include "server/pool/stop_notifier.h"

#include <utility>

namespace millrace {

void StopNotifier::Fire(std::stop_source source) {
  MutexLock lock(mutex_);
  sources_.push_back(std::move(source));
  changed_.NotifyAll();
}

void StopNotifier::Run() {
  while (true) {
    std::stop_source source{std::nostopstate};
    {
      MutexLock lock(mutex_);
      while (!stop_ && sources_.empty()) changed_.Wait(mutex_);
      if (sources_.empty()) return;
      source = std::move(sources_.front());
      sources_.pop_front();
    }
    source.request_stop();
  }
}

void StopNotifier::RequestStop() {
  MutexLock lock(mutex_);
  stop_ = true;
  changed_.NotifyAll();
}

}  // namespace millrace
