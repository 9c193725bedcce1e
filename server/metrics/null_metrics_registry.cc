#include "server/metrics/null_metrics_registry.h"

namespace millrace {

Counter& NullMetricsRegistry::GetCounter(const std::string&, const std::string&,
                                         const std::vector<Label>&) {
  return counter_;
}

Gauge& NullMetricsRegistry::GetGauge(const std::string&, const std::string&,
                                     const std::vector<Label>&) {
  return gauge_;
}

Histogram& NullMetricsRegistry::GetHistogram(const std::string&, const std::string&,
                                             const std::vector<Label>&,
                                             const std::vector<double>&) {
  return histogram_;
}

}  // namespace millrace
