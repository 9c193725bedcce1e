#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/base/mutex.h"
#include "server/metrics/metrics.h"

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace millrace {

// Metrics that a Prometheus server collects: whoever serves its requests calls Render. Owned by the
// service graph; outlives everything that counts. Thread-safe.
class PrometheusMetricsRegistry final : public MetricsRegistry {
 public:
  PrometheusMetricsRegistry();
  ~PrometheusMetricsRegistry() override;

  Counter& GetCounter(const std::string& name, const std::string& help,
                      const std::vector<Label>& labels) override;
  Gauge& GetGauge(const std::string& name, const std::string& help,
                  const std::vector<Label>& labels) override;
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const std::vector<Label>& labels,
                          const std::vector<double>& buckets) override;

  // Everything in Prometheus' text format (version 0.0.4).
  std::string Render() const;

 private:
  // What tells one metric from another: its name and its labels in order.
  using Key = std::pair<std::string, std::map<std::string, std::string>>;

  static Key KeyOf(const std::string& name, const std::vector<Label>& labels);

  // Constant after construction.
  const std::unique_ptr<prometheus::Registry> registry_;

  Mutex mutex_;
  // Guarded by mutex_.
  std::map<Key, std::unique_ptr<Counter>> counters_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, std::unique_ptr<Gauge>> gauges_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, std::unique_ptr<Histogram>> histograms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
