#pragma once

#include <string>
#include <vector>

namespace millrace {

// A number that only rises. Thread-safe.
class Counter {
 public:
  virtual ~Counter() = default;
  // `amount` is not negative.
  virtual void Increment(double amount = 1) = 0;
};

// A number that rises and falls. Thread-safe.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
};

// A distribution, in seconds where the name says so. Thread-safe.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
  // The same as observing each; cheaper for many.
  virtual void ObserveAll(const std::vector<double>& values) {
    for (const double value : values) Observe(value);
  }
};

// Where modules get their metrics from. Names carry the prefix "millrace_" already; see
// docs/configuration.md for the list. A metric lives as long as the registry; the same name and
// labels give the same metric. Label values never hold ids. Thread-safe.
class MetricsRegistry {
 public:
  struct Label {
    std::string name;
    std::string value;
  };
  virtual ~MetricsRegistry() = default;
  virtual Counter& GetCounter(const std::string& name, const std::string& help,
                              const std::vector<Label>& labels) = 0;
  virtual Gauge& GetGauge(const std::string& name, const std::string& help,
                          const std::vector<Label>& labels) = 0;
  virtual Histogram& GetHistogram(const std::string& name, const std::string& help,
                                  const std::vector<Label>& labels,
                                  const std::vector<double>& buckets) = 0;
};

}  // namespace millrace
