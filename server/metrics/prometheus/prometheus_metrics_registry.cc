#include "server/metrics/prometheus/prometheus_metrics_registry.h"

#include <algorithm>
#include <utility>

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace millrace {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void Increment(double amount) override { counter_.Increment(amount); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  PrometheusHistogram(prometheus::Histogram& histogram, std::vector<double> buckets)
      : histogram_(histogram), buckets_(std::move(buckets)) {}

  void Observe(double value) override { histogram_.Observe(value); }

  // Sorted into buckets here, so that the library's lock is taken once.
  void ObserveAll(const std::vector<double>& values) override {
    std::vector<double> increments(buckets_.size() + 1);
    double sum = 0;
    for (const double value : values) {
      ++increments[std::lower_bound(buckets_.begin(), buckets_.end(), value) - buckets_.begin()];
      sum += value;
    }
    histogram_.ObserveMultiple(increments, sum);
  }

 private:
  prometheus::Histogram& histogram_;
  const std::vector<double> buckets_;
};

}  // namespace

PrometheusMetricsRegistry::PrometheusMetricsRegistry()
    : registry_(std::make_unique<prometheus::Registry>()) {}

PrometheusMetricsRegistry::~PrometheusMetricsRegistry() = default;

PrometheusMetricsRegistry::Key PrometheusMetricsRegistry::KeyOf(const std::string& name,
                                                                const std::vector<Label>& labels) {
  Key key{name, {}};
  for (const Label& label : labels) key.second[label.name] = label.value;
  return key;
}

Counter& PrometheusMetricsRegistry::GetCounter(const std::string& name, const std::string& help,
                                               const std::vector<Label>& labels) {
  const Key key = KeyOf(name, labels);
  MutexLock lock(mutex_);
  std::unique_ptr<Counter>& counter = counters_[key];
  if (counter == nullptr) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(*registry_);
    counter = std::make_unique<PrometheusCounter>(family.Add(key.second));
  }
  return *counter;
}

Gauge& PrometheusMetricsRegistry::GetGauge(const std::string& name, const std::string& help,
                                           const std::vector<Label>& labels) {
  const Key key = KeyOf(name, labels);
  MutexLock lock(mutex_);
  std::unique_ptr<Gauge>& gauge = gauges_[key];
  if (gauge == nullptr) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(*registry_);
    gauge = std::make_unique<PrometheusGauge>(family.Add(key.second));
  }
  return *gauge;
}

Histogram& PrometheusMetricsRegistry::GetHistogram(const std::string& name, const std::string& help,
                                                   const std::vector<Label>& labels,
                                                   const std::vector<double>& buckets) {
  const Key key = KeyOf(name, labels);
  MutexLock lock(mutex_);
  std::unique_ptr<Histogram>& histogram = histograms_[key];
  if (histogram == nullptr) {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_);
    histogram = std::make_unique<PrometheusHistogram>(family.Add(key.second, buckets), buckets);
  }
  return *histogram;
}

std::string PrometheusMetricsRegistry::Render() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace millrace
