#include "tasks/import_csv/import_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>
#include <string>

#include "tasks/testing/fake_task_context.h"
#include "tests/unit/tasks/temp_folder.h"

namespace millrace {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = TaskResult::Kind;

// Each test has a schema of its own with the table sales(day, amount).
class ImportCsvTest : public testing::Test {
 protected:
  ImportCsvTest()
      : schema_("import_" + std::to_string(getpid()) + "_" +
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    schema_.resize(std::min<size_t>(schema_.size(), 63));
    Sql("DROP SCHEMA IF EXISTS " + connection_.quote_name(schema_) + " CASCADE");
    Sql("CREATE SCHEMA " + connection_.quote_name(schema_));
    Sql("SET search_path TO " + connection_.quote_name(schema_));
    Sql("CREATE TABLE sales (day date NOT NULL, amount integer)");
  }
  ~ImportCsvTest() override { Sql("DROP SCHEMA " + connection_.quote_name(schema_) + " CASCADE"); }

  static std::string Url() {
    const char* const url = std::getenv("MILLRACE_TEST_DATABASE_URL");
    return url == nullptr ? "" : url;
  }

  pqxx::result Sql(const std::string& sql) {
    pqxx::nontransaction work(connection_);
    return work.exec(sql);
  }

  int Count(const std::string& table = "sales") {
    return Sql("SELECT count(*) FROM " + table)[0][0].as<int>();
  }

  std::string Csv(const std::string& name, const std::string& rows) const {
    return folder_.Write(name, "day,amount\n" + rows);
  }

  json Payload(const std::vector<std::string>& files) const {
    return {{"files", files}, {"table", schema_ + ".sales"}};
  }

  // One attempt of job `id`.
  static TaskResult Run(const json& payload, const std::optional<PartialSuccess>& last = {},
                        JobId id = 1) {
    FakeTaskContext context("import_csv", payload.dump());
    context.mutable_job().id = id;
    if (last.has_value()) context.set_last_partial_success(*last);
    return ImportCsv(Url())(context);
  }

  const TempFolder folder_;
  pqxx::connection connection_{Url()};
  std::string schema_;
};

TEST_F(ImportCsvTest, AllFilesAreLoadedAndCounted) {
  const std::string a = Csv("a.csv", "2024-01-01,1\n2024-01-02,2\n");
  const std::string b = Csv("b.csv", "2024-01-03,3\n");
  const TaskResult result = Run(Payload({a, b}));
  ASSERT_EQ(result.kind(), Kind::kSuccess) << result.message();
  EXPECT_EQ(json::parse(result.result()), (json{{"rows", 3}, {"files", {{a, 2}, {b, 1}}}}));
  EXPECT_EQ(Count(), 3);
}

TEST_F(ImportCsvTest, MissingFileFailsItsStepAndTheOthersGoOn) {
  const std::string a = Csv("a.csv", "2024-01-01,1\n");
  const std::string late = folder_.Path("late.csv");
  const std::string c = Csv("c.csv", "2024-01-03,3\n");
  const TaskResult result = Run(Payload({a, late, c}));
  ASSERT_EQ(result.kind(), Kind::kPartialSuccess) << result.message();
  const PartialSuccess& partial = *result.partial_success();
  EXPECT_THAT(partial.completed_steps, ElementsAre(a, c));
  EXPECT_THAT(partial.failed_steps, ElementsAre(late));
  EXPECT_EQ(partial.retry_from_step, late);
  const json results = json::parse(partial.results);
  EXPECT_EQ(results["rows"], (json{{a, 1}, {c, 1}}));
  EXPECT_THAT(results["errors"][late].get<std::string>(), HasSubstr("No such file"));
  EXPECT_EQ(Count(), 2);
}

TEST_F(ImportCsvTest, NextAttemptLoadsOnlyWhatIsLeft) {
  const std::string a = Csv("a.csv", "2024-01-01,1\n");
  const std::string late = folder_.Path("late.csv");
  const TaskResult first = Run(Payload({a, late}));
  ASSERT_EQ(first.kind(), Kind::kPartialSuccess);
  Csv("late.csv", "2024-01-02,2\n2024-01-03,3\n");
  const TaskResult second = Run(Payload({a, late}), first.partial_success());
  ASSERT_EQ(second.kind(), Kind::kSuccess) << second.message();
  EXPECT_EQ(json::parse(second.result()), (json{{"rows", 3}, {"files", {{a, 1}, {late, 2}}}}));
  EXPECT_EQ(Count(), 3);
}

TEST_F(ImportCsvTest, AttemptWhoseOutcomeWasLostIsNotLoadedTwice) {
  const json payload = Payload({Csv("a.csv", "2024-01-01,1\n"), Csv("b.csv", "2024-01-02,2\n")});
  ASSERT_EQ(Run(payload).kind(), Kind::kSuccess);
  const TaskResult again = Run(payload);
  EXPECT_EQ(again.kind(), Kind::kSuccess) << again.message();
  EXPECT_EQ(json::parse(again.result())["rows"], 2);
  EXPECT_EQ(Count(), 2);
}

TEST_F(ImportCsvTest, TwoHandlersOfOneJobLoadItOnce) {
  const json payload = Payload({Csv("a.csv", "2024-01-01,1\n"), Csv("b.csv", "2024-01-02,2\n")});
  std::future<TaskResult> other =
      std::async(std::launch::async, [&payload] { return Run(payload); });
  EXPECT_EQ(Run(payload).kind(), Kind::kSuccess);
  EXPECT_EQ(other.get().kind(), Kind::kSuccess);
  EXPECT_EQ(Count(), 2);
}

TEST_F(ImportCsvTest, OtherJobLoadsTheSameFileAgain) {
  const json payload = Payload({Csv("a.csv", "2024-01-01,1\n")});
  ASSERT_EQ(Run(payload, {}, 1).kind(), Kind::kSuccess);
  ASSERT_EQ(Run(payload, {}, 2).kind(), Kind::kSuccess);
  EXPECT_EQ(Count(), 2);
}

TEST_F(ImportCsvTest, JobsOfOneImportIdLoadAFileOnce) {
  json payload = Payload({Csv("a.csv", "2024-01-01,1\n")});
  payload["import_id"] = "january";
  ASSERT_EQ(Run(payload, {}, 1).kind(), Kind::kSuccess);
  ASSERT_EQ(Run(payload, {}, 2).kind(), Kind::kSuccess);
  EXPECT_EQ(Count(), 1);
}

TEST_F(ImportCsvTest, BadValueIsReportedWithLineAndColumnAndNothingOfItsFileIsLoaded) {
  const std::string good = Csv("good.csv", "2024-01-01,1\n");
  const std::string bad = Csv("bad.csv", "2024-01-02,2\n2024-01-03,many\n");
  const TaskResult result = Run(Payload({bad, good}));
  ASSERT_EQ(result.kind(), Kind::kPartialSuccess) << result.message();
  const std::string error =
      json::parse(result.partial_success()->results)["errors"][bad].get<std::string>();
  EXPECT_THAT(error, HasSubstr("invalid input syntax for type integer: \"many\""));
  EXPECT_THAT(error, HasSubstr("line 3, column amount"));
  EXPECT_EQ(Count(), 1);
}

TEST_F(ImportCsvTest, WrongNumberOfColumnsIsReported) {
  const TaskResult result = Run(Payload({Csv("a.csv", "2024-01-02\n")}));
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("missing data for column \"amount\""));
  EXPECT_THAT(result.message(), HasSubstr("line 2"));
}

TEST_F(ImportCsvTest, HeaderMustNameTheColumns) {
  const TaskResult result = Run(Payload({folder_.Write("a.csv", "amount,day\n1,2024-01-01\n")}));
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("column name mismatch in header line"));
  EXPECT_EQ(Count(), 0);
}

TEST_F(ImportCsvTest, ColumnsMayStandInAnotherOrder) {
  json payload = Payload({folder_.Write("a.csv", "amount,day\n1,2024-01-01\n")});
  payload["columns"] = {{{"name", "amount"}}, {{"name", "day"}}};
  EXPECT_EQ(Run(payload).kind(), Kind::kSuccess);
  EXPECT_EQ(Count(), 1);
}

TEST_F(ImportCsvTest, AttemptThatLoadsNothingNewIsAFailure) {
  const std::string a = Csv("a.csv", "2024-01-01,1\n");
  const std::string late = folder_.Path("late.csv");
  const TaskResult first = Run(Payload({a, late}));
  const TaskResult second = Run(Payload({a, late}), first.partial_success());
  EXPECT_EQ(second.kind(), Kind::kFail);
  EXPECT_THAT(second.message(), HasSubstr("1 of 2 files are not loaded; " + late));
}

TEST_F(ImportCsvTest, TableIsCreatedWhenAsked) {
  json payload = Payload({folder_.Write("a.csv", "id,Full name\n1,\"O'Hara, \"\"Pat\"\"\"\n")});
  payload["table"] = schema_ + ".we\"ird; Table";
  payload["create_table"] = true;
  payload["columns"] = {{{"name", "id"}, {"type", "BIGINT"}},
                        {{"name", "Full name"}, {"type", "varchar(40)"}}};
  const TaskResult result = Run(payload);
  ASSERT_EQ(result.kind(), Kind::kSuccess) << result.message();
  const pqxx::result rows = Sql("SELECT \"Full name\" FROM \"we\"\"ird; Table\"");
  EXPECT_EQ(rows[0][0].as<std::string>(), "O'Hara, \"Pat\"");
}

TEST_F(ImportCsvTest, MissingTableIsAFailureThatSaysWhatToDo) {
  json payload = Payload({Csv("a.csv", "2024-01-01,1\n")});
  payload["table"] = schema_ + ".nowhere";
  const TaskResult result = Run(payload);
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("does not exist: create it, or set create_table"));
}

TEST_F(ImportCsvTest, DelimiterNullTextAndEncodingAreHonoured) {
  json payload = Payload({folder_.Write("a.csv", "note;amount\nk\xf6ln;n/a\n")});
  payload["table"] = schema_ + ".notes";
  payload["create_table"] = true;
  payload["columns"] = {{{"name", "note"}, {"type", "text"}},
                        {{"name", "amount"}, {"type", "integer"}}};
  payload["delimiter"] = ";";
  payload["null"] = "n/a";
  payload["encoding"] = "LATIN1";
  const TaskResult result = Run(payload);
  ASSERT_EQ(result.kind(), Kind::kSuccess) << result.message();
  const pqxx::result rows = Sql("SELECT note, amount FROM notes");
  EXPECT_EQ(rows[0][0].as<std::string>(), "köln");
  EXPECT_TRUE(rows[0][1].is_null());
}

TEST_F(ImportCsvTest, ByteOrderMarkIsSkipped) {
  const std::string a = folder_.Write("a.csv",
                                      "\xef\xbb\xbf"
                                      "day,amount\r\n2024-01-01,1\r\n");
  EXPECT_EQ(Run(Payload({a})).kind(), Kind::kSuccess);
  EXPECT_EQ(Count(), 1);
}

TEST_F(ImportCsvTest, EmptyFileIsAFailure) {
  for (const std::string content : {"", "\xef\xbb\xbf"}) {
    const TaskResult result = Run(Payload({folder_.Write("a.csv", content)}));
    EXPECT_EQ(result.kind(), Kind::kFail);
    EXPECT_THAT(result.message(), HasSubstr("is empty"));
  }
}

TEST_F(ImportCsvTest, FileOfManyChunksIsLoadedWhole) {
  std::string rows;
  for (int i = 0; i < 100'000; ++i) rows += "2024-01-01," + std::to_string(i) + "\n";
  EXPECT_EQ(Run(Payload({Csv("a.csv", rows)})).kind(), Kind::kSuccess);
  EXPECT_EQ(Sql("SELECT sum(amount) FROM sales")[0][0].as<int64_t>(), 4'999'950'000);
}

TEST_F(ImportCsvTest, StopBetweenFilesLeavesTheRestToTheNextAttempt) {
  const json payload = Payload({Csv("a.csv", "2024-01-01,1\n"), Csv("b.csv", "2024-01-02,2\n")});
  FakeTaskContext context("import_csv", payload.dump());
  context.set_on_log([&context](const std::string&) { context.RequestStop(); });
  EXPECT_EQ(ImportCsv(Url())(context).message(), "asked to stop");
  EXPECT_EQ(Count(), 1);
  EXPECT_EQ(Run(payload).kind(), Kind::kSuccess);
  EXPECT_EQ(Count(), 2);
}

TEST_F(ImportCsvTest, StopEndsACopyThatWaitsForALock) {
  const json payload = Payload({Csv("a.csv", "2024-01-01,1\n")});
  pqxx::connection locker(Url());
  pqxx::work lock(locker);
  lock.exec("LOCK TABLE " + locker.quote_name(schema_) + ".sales");
  FakeTaskContext context("import_csv", payload.dump());
  std::future<TaskResult> result =
      std::async(std::launch::async, [&context] { return ImportCsv(Url())(context); });
  const std::string waiting =
      "SELECT pg_sleep(0.01), count(*) FROM pg_locks WHERE NOT granted AND"
      " relation = 'sales'::regclass";
  while (Sql(waiting)[0][1].as<int>() == 0) {
  }
  context.RequestStop();
  EXPECT_EQ(result.get().message(), "asked to stop");
  lock.commit();
  EXPECT_EQ(Count(), 0);
}

TEST_F(ImportCsvTest, DatabaseThatIsAwayIsAFailureThatMayMend) {
  FakeTaskContext context("import_csv", Payload({Csv("a.csv", "")}).dump());
  const TaskResult result = ImportCsv("host=/nowhere dbname=none")(context);
  EXPECT_EQ(result.kind(), Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("/nowhere"));
}

TEST_F(ImportCsvTest, DatabaseMustBeNamed) {
  FakeTaskContext context("import_csv", Payload({Csv("a.csv", "")}).dump());
  EXPECT_THAT(ImportCsv("")(context).message(), HasSubstr("IMPORT_CSV_DATABASE_URL"));
}

TEST_F(ImportCsvTest, BadPayloadCancels) {
  EXPECT_EQ(Run({{"files", {"a.csv"}}}).kind(), Kind::kCancel);
}

}  // namespace
}  // namespace millrace
