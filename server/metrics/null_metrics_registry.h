#pragma once

#include <string>
#include <vector>

#include "server/metrics/metrics.h"

namespace millrace {

// Metrics that go nowhere, for programs and tests without a collector. Thread-safe.
class NullMetricsRegistry final : public MetricsRegistry {
 public:
  Counter& GetCounter(const std::string& name, const std::string& help,
                      const std::vector<Label>& labels) override;
  Gauge& GetGauge(const std::string& name, const std::string& help,
                  const std::vector<Label>& labels) override;
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const std::vector<Label>& labels,
                          const std::vector<double>& buckets) override;

 private:
  class NullCounter final : public Counter {
   public:
    void Increment(double) override {}
  };
  class NullGauge final : public Gauge {
   public:
    void Set(double) override {}
  };
  class NullHistogram final : public Histogram {
   public:
    void Observe(double) override {}
  };

  NullCounter counter_;
  NullGauge gauge_;
  NullHistogram histogram_;
};

}  // namespace millrace
