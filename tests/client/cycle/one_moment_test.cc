// A source with an exchange: what a cycle sends of all of its tables is of one moment.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cycle/cycle.h"
#include "client/exchange/exchange_tables.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "client/source/steps/pipeline_reader.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::one_moment_test {
namespace {

class OneMoment : public testing::Test {
 protected:
  void SetUp() override {
    Sql(path_,
        "PRAGMA journal_mode = WAL; CREATE TABLE contact(id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE "
        "lead(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO lead VALUES (1, 'Ada'), (2, 'Bob')");
    const auto log = ChangeLog::Install({path_, "host"});
    ASSERT_THAT(log, IsOk());
    const auto file = SqliteFile::Open(path_, Use::kChange);
    ASSERT_THAT(file, IsOk());
    ASSERT_THAT(MakeExchangeTables(**file), IsOk());
    endpoint_.takes_changes = true;
    Run();
    ASSERT_EQ(RowsOf("lead"), 2U);
    endpoint_.on_batch = [this](const v1::ChangeBatch& batch) {
      if (const auto act = std::exchange(at_batch_of_[batch.table()], nullptr)) act();
      return grpc::Status::OK;
    };
  }

  /// One run, one row a batch, none read ahead. `planned`: what somebody does behind the plan of the cycle.
  void Run(const std::function<void()>& planned = nullptr) {
    auto lock = LockFile::Acquire(folder_.path(), "Cust");
    auto state = RunState::Load(folder_.path(), "Cust");
    ChangeLogOptions options{path_, "host"};
    options.exchange = true;
    const auto log = ChangeLog::Open(options);
    ASSERT_THAT(log, IsOk());
    ASSERT_THAT((*log)->Renew({"contact", "lead"}), IsOk());
    SqliteReaderOptions source;
    source.path = path_;
    source.records = state->tables().Records();
    source.log = log->get();
    const auto reader = std::make_unique<Asked>(OpenSqliteReader(std::move(source)), asked_with_changes_);
    Planned watched(**log, planned);
    MirrorClient client = endpoint_.Client();
    endpoint_.Settle();
    const CycleReport report = RunOnce({*reader, client, *lock, *state, &watched, nullptr, (*log)->marks()},
                                       {.batch_bytes = 1, .window = 1, .read_ahead = 0});
    EXPECT_EQ(report.outcome, Outcome::kDone) << report.status;
    endpoint_.Settle();
  }

  std::uint64_t RowsOf(const std::string& table) { return endpoint_.tables[table].rows; }

  /// The log, and who acts once its targets are recorded.
  class Planned : public History {
   public:
    Planned(ChangeLog& log, std::function<void()> act) : log_(log), act_(std::move(act)) {}
    const std::string& source_id() const override { return log_.source_id(); }
    absl::StatusOr<std::string> Bind(const SourceMark& mark) override { return log_.Bind(mark); }
    absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override {
      return log_.Renew(tables);
    }
    bool Complete(TableSchema& schema) override { return log_.Complete(schema); }
    absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override {
      return log_.Judge(table, position);
    }
    absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override {
      return log_.ChangedSince(table, lsn);
    }
    bool NamesRows(const std::string& table) override { return log_.NamesRows(table); }
    bool SeesChanges(const std::string& table) override { return log_.SeesChanges(table); }
    Form FormOf(const std::string& table) override { return log_.FormOf(table); }
    absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                          std::int64_t highest) override {
      auto targets = log_.Begin(tables, highest);
      if (const auto act = std::exchange(act_, nullptr)) act();
      return targets;
    }
    absl::Status Forget(const std::map<std::string, Position>& durable) override {
      return log_.Forget(durable);
    }

   private:
    ChangeLog& log_;
    std::function<void()> act_;
  };

  /// Notes what it is asked for.
  class Asked : public PipelineReader {
   public:
    Asked(std::unique_ptr<SourceReader> inner, std::vector<bool>& with_changes)
        : PipelineReader(std::move(inner), Pipeline({}, std::nullopt, {})), with_changes_(with_changes) {}
    absl::StatusOr<bool> HoldMoment(bool with_changes) override {
      with_changes_.push_back(with_changes);
      return PipelineReader::HoldMoment(with_changes);
    }

   private:
    std::vector<bool>& with_changes_;
  };

  std::vector<bool> asked_with_changes_;
  TempFolder folder_;
  const std::string path_ = folder_ / "source.db";
  FakeEndpoint endpoint_{folder_};
  std::map<std::string, std::function<void()>> at_batch_of_;
};

constexpr char kMove[] =
    "BEGIN; DELETE FROM lead WHERE id = 1; INSERT INTO contact VALUES (1, 'Ada'); COMMIT";

TEST_F(OneMoment, ARowThatMovesWhileItIsReadIsNeverInBothNorInNone) {
  Sql(path_, "INSERT INTO contact VALUES (7, 'Cyd'), (8, 'Dan'); INSERT INTO lead VALUES (3, 'Eve')");
  at_batch_of_["contact"] = [this] { Sql(path_, kMove); };
  Run();
  EXPECT_EQ(RowsOf("contact"), 2U);
  EXPECT_EQ(RowsOf("lead"), 3U);
  Run();
  EXPECT_EQ(RowsOf("contact"), 3U);
  EXPECT_EQ(RowsOf("lead"), 2U);
}

TEST_F(OneMoment, ATableThatRestedWhenTheCycleWasPlannedIsSentWithTheOthers) {
  Sql(path_, "INSERT INTO contact VALUES (7, 'Cyd')");
  Run([this] { Sql(path_, kMove); });
  EXPECT_EQ(RowsOf("contact"), 2U);
  EXPECT_EQ(RowsOf("lead"), 1U);
}

TEST_F(OneMoment, IsThatOfAPopulationToo) {
  {
    const std::lock_guard lock(endpoint_.mutex);
    endpoint_.tables["contact"].position.set_lsn(-1);
    endpoint_.tables["lead"].position.set_lsn(-1);
  }
  Sql(path_, "INSERT INTO contact VALUES (7, 'Cyd'), (8, 'Dan')");
  at_batch_of_["contact"] = [this] { Sql(path_, kMove); };
  Run();
  EXPECT_EQ(RowsOf("contact"), 2U);
  EXPECT_EQ(RowsOf("lead"), 2U);
  Run();
  EXPECT_EQ(RowsOf("contact"), 3U);
  EXPECT_EQ(RowsOf("lead"), 1U);
}

TEST_F(OneMoment, TheSourceHearsWhetherChangesAreReadInIt) {
  const auto populate = [this](const std::string& table) {
    const std::lock_guard lock(endpoint_.mutex);
    endpoint_.tables[table].position.set_lsn(-1);
  };
  populate("contact");
  populate("lead");
  Sql(path_, "INSERT INTO contact VALUES (7, 'Cyd')");
  asked_with_changes_.clear();
  Run();
  EXPECT_THAT(asked_with_changes_, testing::ElementsAre(false));
  EXPECT_EQ(RowsOf("contact"), 1U);
  populate("contact");
  Sql(path_, "INSERT INTO lead VALUES (3, 'Eve')");
  Run();
  EXPECT_THAT(asked_with_changes_, testing::ElementsAre(false, true));
  EXPECT_EQ(RowsOf("lead"), 3U);
}

}  // namespace
}  // namespace mirror::one_moment_test
