#include "server/metrics/prometheus/prometheus_metrics_registry.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/null_metrics_registry.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

class PrometheusMetricsRegistryTest : public ::testing::Test {
 protected:
  PrometheusMetricsRegistry registry_;
};

TEST_F(PrometheusMetricsRegistryTest, CounterIsRenderedWithItsHelpAndLabels) {
  registry_.GetCounter("millrace_things_total", "Things.", {{"task", "a"}}).Increment(2);
  const std::string text = registry_.Render();
  EXPECT_THAT(text, HasSubstr("# HELP millrace_things_total Things.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE millrace_things_total counter\n"));
  EXPECT_THAT(text, HasSubstr("millrace_things_total{task=\"a\"} 2\n"));
}

TEST_F(PrometheusMetricsRegistryTest, SameNameAndLabelsGiveTheSameMetric) {
  Counter& one = registry_.GetCounter("c", "C.", {{"a", "1"}, {"b", "2"}});
  Counter& same = registry_.GetCounter("c", "C.", {{"b", "2"}, {"a", "1"}});
  Counter& other = registry_.GetCounter("c", "C.", {{"a", "1"}, {"b", "3"}});
  EXPECT_EQ(&one, &same);
  EXPECT_NE(&one, &other);
}

TEST_F(PrometheusMetricsRegistryTest, GaugeRisesAndFalls) {
  Gauge& gauge = registry_.GetGauge("g", "G.", {});
  gauge.Set(5);
  gauge.Set(3);
  EXPECT_THAT(registry_.Render(), HasSubstr("g 3\n"));
}

TEST_F(PrometheusMetricsRegistryTest, LabelValueIsEscaped) {
  registry_.GetCounter("c", "C.", {{"task", "a\"b\\c"}}).Increment();
  EXPECT_THAT(registry_.Render(), HasSubstr(R"(c{task="a\"b\\c"} 1)"));
}

TEST_F(PrometheusMetricsRegistryTest, ObservingManyIsTheSameAsObservingEach) {
  const std::vector<double> buckets = {0.1, 1, 10};
  const std::vector<double> values = {0.05, 0.1, 0.5, 1, 5, 100};
  Histogram& each = registry_.GetHistogram("each", "H.", {}, buckets);
  Histogram& all = registry_.GetHistogram("alls", "H.", {}, buckets);
  for (const double value : values) each.Observe(value);
  all.ObserveAll(values);
  const std::string text = registry_.Render();
  for (const char* line : {"_bucket{le=\"0.1\"} 2", "_bucket{le=\"1\"} 4", "_bucket{le=\"10\"} 5",
                           "_bucket{le=\"+Inf\"} 6", "_count 6", "_sum 106.65"}) {
    EXPECT_THAT(text, HasSubstr(std::string("each") + line));
    EXPECT_THAT(text, HasSubstr(std::string("alls") + line));
  }
}

TEST(NullMetricsRegistryTest, TakesEverything) {
  NullMetricsRegistry registry;
  registry.GetCounter("c", "C.", {}).Increment();
  registry.GetGauge("g", "G.", {}).Set(1);
  Histogram& histogram = registry.GetHistogram("h", "H.", {}, {1});
  histogram.Observe(1);
  histogram.ObserveAll({1, 2});
  EXPECT_EQ(&registry.GetCounter("c", "C.", {}), &registry.GetCounter("d", "D.", {}));
}

}  // namespace
}  // namespace millrace
