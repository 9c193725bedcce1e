#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/metrics/metrics.h"

namespace millrace {

// Counters and gauges that can be read; one for each name, whatever its labels. Thread-safe.
class FakeMetricsRegistry final : public MetricsRegistry {
 public:
  Counter& GetCounter(const std::string& name, const std::string&,
                      const std::vector<Label>&) override {
    return Find(name);
  }
  Gauge& GetGauge(const std::string& name, const std::string&, const std::vector<Label>&) override {
    return Find(name);
  }
  Histogram& GetHistogram(const std::string& name, const std::string&, const std::vector<Label>&,
                          const std::vector<double>&) override {
    return Find(name);
  }

  double Value(const std::string& name) { return Find(name).value; }

 private:
  struct Number final : public Counter, public Gauge, public Histogram {
    void Increment(double amount) override { value = value + amount; }
    void Set(double new_value) override { value = new_value; }
    void Observe(double seen) override { value = seen; }
    std::atomic<double> value = 0;
  };

  Number& Find(const std::string& name) {
    MutexLock lock(mutex_);
    return numbers_[name];
  }

  Mutex mutex_;
  // A map, whose elements stay where they are.
  std::map<std::string, Number> numbers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
