#include "client/cycle/cycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "client/wire/mirror_client.h"
#include "tests/client/fake_endpoint.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror::cycle_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kTwoTables[] =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES(1, 'x'), (2, 'y'), (3, 'z');"
    "CREATE TABLE b(v); INSERT INTO b VALUES(1), (2);";

/// `count` rows of 100 bytes.
std::string Many(const std::string& table, int count) {
  return absl::StrCat(
      "CREATE TABLE ", table,
      "(id INTEGER PRIMARY KEY, v TEXT NOT NULL); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i "
      "+ 1 FROM n WHERE i < ",
      count, ") INSERT INTO ", table, " SELECT i, printf('%.90c', 'x') FROM n;");
}

/// A table whose rows cannot be read, and what its reader says of it.
struct BadRows {
  std::string table, words;
};

/// Another reader, and how many bytes of rows it gave.
class Counted : public SourceReader {
 public:
  Counted(std::unique_ptr<SourceReader> inner, std::atomic<std::size_t>& bytes, BadRows bad,
          std::vector<RefusedTable> refused)
      : inner_(std::move(inner)), bytes_(bytes), bad_(std::move(bad)), refused_(std::move(refused)) {}
  SourceMark Mark() const override { return inner_->Mark(); }
  absl::StatusOr<std::vector<std::string>> TableNames() override { return inner_->TableNames(); }
  absl::StatusOr<SourceSchema> Schema() override {
    absl::StatusOr<SourceSchema> schema = inner_->Schema();
    if (schema.ok()) schema->refused.insert(schema->refused.end(), refused_.begin(), refused_.end());
    return schema;
  }
  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    return inner_->CountRows(table);
  }
  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    if (table == bad_.table) return absl::InvalidArgumentError(bad_.words);
    auto rows = inner_->Read(table, columns);
    if (!rows.ok()) return rows.status();
    return std::make_unique<Table>(*std::move(rows), bytes_);
  }
  void Forget(const std::string& table) override { inner_->Forget(table); }

 private:
  class Table : public TableReader {
   public:
    Table(std::unique_ptr<TableReader> inner, std::atomic<std::size_t>& bytes)
        : inner_(std::move(inner)), bytes_(bytes) {}
    absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
      const auto more = inner_->Next(size, block, sink);
      bytes_ += block->bytes();
      return more;
    }

   private:
    std::unique_ptr<TableReader> inner_;
    std::atomic<std::size_t>& bytes_;
  };
  std::unique_ptr<SourceReader> inner_;
  std::atomic<std::size_t>& bytes_;
  const BadRows bad_;
  const std::vector<RefusedTable> refused_;
};

class CycleTest : public testing::Test {
 protected:
  /// One run as mirror-agent once does it: everything is opened anew.
  CycleReport Run(CycleOptions options = {}, const std::function<void()>& after = {}) {
    auto lock = LockFile::Acquire(folder_.path(), "Cust");
    auto state = RunState::Load(folder_.path(), "Cust");
    if (!lock.ok() || !state.ok()) {
      ADD_FAILURE() << lock.status() << state.status();
      return {};
    }
    SqliteReaderOptions source;
    source.path = path_;
    source.include = include_;
    source.skip = skip_;
    source.records = state->tables().Records();
    source.copy = copy_;
    std::unique_ptr<SourceReader> reader =
        std::make_unique<Counted>(OpenSqliteReader(std::move(source)), read_bytes_, bad_, refused_);
    MirrorClient client = endpoint_.Client();
    client.set_patience(patience_);
    endpoint_.Settle();
    CycleReport report = RunOnce({*reader, client, *lock, *state}, options);
    if (after) after();
    endpoint_.Settle();
    return report;
  }

  static constexpr int kAlways = std::numeric_limits<int>::max();
  /// So many times another program commits in the middle of a table.
  CycleReport RunBesideWriter(int writes) {
    Sql(path_, Many("big", 20'000) + kTwoTables);
    endpoint_.on_batch = [this, left = writes](const v1::ChangeBatch& batch) mutable {
      if (batch.table() == "big" && batch.seq() == 2 && left-- > 0)
        Sql(path_, "UPDATE big SET v = v || 'y' WHERE id = 20000");
      return grpc::Status::OK;
    };
    return Run({.batch_bytes = 50'000, .window = 1, .read_ahead = 0});
  }
  static const TableReport& Of(const CycleReport& report, const std::string& table) {
    for (const TableReport& entry : report.tables) {
      if (entry.table == table) return entry;
    }
    ADD_FAILURE() << "no report of " << table;
    static const TableReport kNone;
    return kNone;
  }
  /// Of the last completed cycle: "a 4", a table and the number of its reason.
  std::vector<std::string> Unsent() const {
    const v1::ReplicationCompletedRequest& completed = endpoint_.completed;
    std::vector<std::string> unsent;
    EXPECT_LE(completed.unsent_reasons_size(), completed.unsent_tables_size());
    for (int i = 0; i < completed.unsent_tables_size(); ++i) {
      const int reason = i < completed.unsent_reasons_size() ? completed.unsent_reasons(i) : -1;
      unsent.push_back(absl::StrCat(completed.unsent_tables(i), " ", reason));
    }
    return unsent;
  }
  static std::vector<std::string> Populated(const CycleReport& report) {
    std::vector<std::string> names;
    for (const TableReport& entry : report.tables) {
      if (entry.action == TableReport::Action::kPopulate) names.push_back(entry.table);
    }
    return names;
  }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  CopyLimits copy_;
  std::vector<std::string> include_ = {"*"}, skip_;
  BadRows bad_;
  Patience patience_;
  std::atomic<std::size_t> read_bytes_ = 0;
  std::vector<RefusedTable> refused_;  ///< As a database has them whose names differ by case.
  FakeEndpoint endpoint_{folder_};
};

TEST_F(CycleTest, ATableWhoseTwinIsSentIsRefusedInEachCycleAndTheOthersGoOn) {
  Sql(path_, kTwoTables);
  refused_ = {{"A", "its name differs from that of 'a'"}};
  for (int run = 0; run < 3; ++run) {
    const CycleReport report = Run();
    EXPECT_EQ(report.outcome, Outcome::kDone) << report.status;
    EXPECT_EQ(Of(report, "A").result, TableResult::kRefused);
    EXPECT_EQ(Of(report, "a").result, TableResult::kOk) << Of(report, "a").reason;
    Sql(path_, absl::StrCat("INSERT INTO a VALUES (", 10 + run, ", 'new')"));
  }
  // One that is announced no more has no twin that would keep its place.
  refused_ = {{"b", "it cannot be read"}};
  skip_ = {"b"};
  EXPECT_NE(Run().outcome, Outcome::kDone);
}

TEST_F(CycleTest, FirstRunPopulatesEveryTableAndSaysSo) {
  Sql(path_, kTwoTables);
  Sql(path_, "CREATE TABLE empty(id INTEGER PRIMARY KEY)");
  const CycleReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kDone) << report.status;
  EXPECT_TRUE(report.Good());
  EXPECT_THAT(Populated(report), ElementsAre("a", "b", "empty"));
  EXPECT_EQ(Of(report, "a").inserts, 3U);
  EXPECT_EQ(Of(report, "a").lsn, 1);
  EXPECT_THAT(Of(report, "a").reason, HasSubstr("new"));
  EXPECT_EQ(Of(report, "empty").inserts, 0U);
  EXPECT_EQ(endpoint_.tables["a"].rows, 3U);
  EXPECT_EQ(endpoint_.tables["empty"].position.lsn(), 1);
  EXPECT_EQ(endpoint_.reasons["a"], v1::POPULATE_REASON_MINUS_ONE);
  EXPECT_EQ(endpoint_.planned["a"], 3U);
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "schema", "rows", "completed"));
  EXPECT_EQ(endpoint_.completed.tables_size(), 3);
  EXPECT_EQ(endpoint_.completed.tables(0).row_count(), 3U);
  EXPECT_EQ(endpoint_.announced.source_id().size(), 32U);
}

TEST_F(CycleTest, SecondRunSendsNothing) {
  Sql(path_, kTwoTables);
  Run();
  const CycleReport report = Run();
  EXPECT_TRUE(report.Good());
  EXPECT_THAT(Populated(report), IsEmpty());
  EXPECT_EQ(Of(report, "a").lsn, 1);
  EXPECT_EQ(endpoint_.Count("rows"), 1U);
  EXPECT_EQ(endpoint_.Count("completed"), 2U);
}

TEST_F(CycleTest, TheMirrorIsToldWhichTablesWereNotSentAndWhyWithoutAnyValue) {
  Sql(path_, kTwoTables);
  // Both are announced: of the one a column has a value that cannot be mirrored, of the other no row is read.
  Sql(path_, "CREATE TABLE far(id INTEGER PRIMARY KEY, v REAL); INSERT INTO far VALUES(4711, 9e999)");
  bad_ = {"b", "column 'v' has the value 'Ada Lovelace', 1815"};
  endpoint_.capabilities = {kUnsentCapability};
  const CycleReport report = Run();
  EXPECT_THAT(Of(report, "b").reason, HasSubstr("Ada Lovelace")) << "the agent's own report";
  EXPECT_THAT(Unsent(), ElementsAre(absl::StrCat("b ", static_cast<int>(v1::UNSENT_REASON_ROWS)),
                                    absl::StrCat("far ", static_cast<int>(v1::UNSENT_REASON_UNREADABLE))));
  v1::ReplicationCompletedRequest completed = endpoint_.completed;
  completed.clear_source_time_ms();  // It may have any digits.
  const std::string told = completed.DebugString();
  for (const char* const value : {"Ada", "1815", "4711", "inf"}) {
    EXPECT_THAT(told, testing::Not(HasSubstr(value)));
  }

  bad_ = {};
  Sql(path_, "UPDATE far SET v = 1");
  EXPECT_TRUE(Run().Good());
  EXPECT_THAT(Unsent(), IsEmpty());
}

TEST_F(CycleTest, ACycleThatItsRowsEndTellsWhatWasNotSentToo) {
  Sql(path_, kTwoTables);
  Sql(path_, "CREATE TABLE far(id INTEGER PRIMARY KEY, v REAL); INSERT INTO far VALUES(1, 9e999)");
  endpoint_.capabilities = {kUnsentCapability};
  endpoint_.ends = FakeEndpoint::Ends::kWithGoodRows;
  Run();
  ASSERT_EQ(endpoint_.Count("ended"), 1U);
  EXPECT_THAT(Unsent(), ElementsAre(absl::StrCat("far ", static_cast<int>(v1::UNSENT_REASON_UNREADABLE))));
}

TEST_F(CycleTest, AnEndpointThatShowsNoUnsentTablesIsToldOfNone) {
  Sql(path_, kTwoTables);
  bad_ = {"b", "no"};
  Run();
  EXPECT_THAT(Unsent(), IsEmpty());
}

TEST_F(CycleTest, ATableThatTheMirrorRefusesIsNamedAsThat) {
  Sql(path_, kTwoTables);
  endpoint_.capabilities = {kUnsentCapability};
  endpoint_.actions["a"] = v1::TABLE_ACTION_REFUSED;
  endpoint_.on_batch = [](const v1::ChangeBatch& batch) {
    return batch.table() == "b" ? grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no") : grpc::Status::OK;
  };
  Run();
  const std::string endpoint = absl::StrCat(static_cast<int>(v1::UNSENT_REASON_ENDPOINT));
  EXPECT_THAT(Unsent(), ElementsAre("a " + endpoint, "b " + endpoint));
}

TEST_F(CycleTest, ATableThatTheNextCycleOfTheRunSendsIsNamedAsThat) {
  endpoint_.capabilities = {kUnsentCapability};
  std::vector<std::string> told;
  endpoint_.on_authenticate = [&] {
    for (std::string& one : Unsent()) told.push_back(std::move(one));
  };
  RunBesideWriter(1);
  EXPECT_THAT(told, ElementsAre(absl::StrCat("big ", static_cast<int>(v1::UNSENT_REASON_AGAIN))));
  EXPECT_THAT(Unsent(), IsEmpty());
}

TEST_F(CycleTest, ATableThatMovesInEachCycleOfTheRunIsNamedAsThat) {
  endpoint_.capabilities = {kUnsentCapability};
  copy_.max = 1'000;  // A source that moves is read from a copy otherwise.
  EXPECT_EQ(Of(RunBesideWriter(kAlways), "big").result, TableResult::kFailed);
  EXPECT_THAT(Unsent(), ElementsAre(absl::StrCat("big ", static_cast<int>(v1::UNSENT_REASON_MOVED))));
}

TEST_F(CycleTest, WhatWasAnnouncedLastIsOnlyNamed) {
  Sql(path_, kTwoTables);
  endpoint_.keeps_announcements = true;
  Run();
  EXPECT_EQ(endpoint_.announced_sha256, "") << "nothing was announced yet";
  endpoint_.log.clear();
  EXPECT_TRUE(Run().Good());
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "announced", "completed"));
  endpoint_.log.clear();
  endpoint_.tables["a"].position.set_lsn(-1);
  const CycleReport populated = Run();
  EXPECT_THAT(Populated(populated), ElementsAre("a")) << populated.status;
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "announced", "rows", "completed"));
}

TEST_F(CycleTest, AnotherAnnouncementIsNotNamedByTheDigestOfTheLastOne) {
  Sql(path_, kTwoTables);
  endpoint_.keeps_announcements = true;
  Run();
  endpoint_.log.clear();
  Sql(path_, "DROP TABLE b");
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced_sha256, "") << "the table would be kept by it";
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "schema", "completed"));
  EXPECT_EQ(endpoint_.announced.tables_size(), 1);
  endpoint_.log.clear();
  EXPECT_TRUE(Run().Good());
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "announced", "completed"));
}

TEST_F(CycleTest, AnEndpointThatForgotWhatWasAnnouncedIsToldAgain) {
  Sql(path_, kTwoTables);
  Run();
  endpoint_.log.clear();
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced_sha256.size(), 64U);
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "schema", "completed"));
}

/// Within other limits another announcement might be made of the same tables.
TEST_F(CycleTest, WithOtherLimitsTheTablesAreAnnounced) {
  Sql(path_, absl::StrCat(kTwoTables, "CREATE INDEX by_v ON a(v)"));
  endpoint_.keeps_announcements = true;
  endpoint_.limits.set_message_bytes_max(1 << 20);
  Run();
  EXPECT_TRUE(endpoint_.announced.tables(0).has_source_objects());
  endpoint_.limits.set_message_entries_max(8);
  endpoint_.log.clear();
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced_sha256.size(), 64U);
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "announced", "schema", "completed"));
  EXPECT_FALSE(endpoint_.announced.tables(0).has_source_objects());
}

TEST_F(CycleTest, AnAnswerToOtherTablesThanWereNamedEndsTheRun) {
  Sql(path_, kTwoTables);
  endpoint_.keeps_announcements = true;
  Run();
  endpoint_.on_schema = [](v1::TableSchemaResponse* response) {
    response->mutable_tables()->RemoveLast();
    return grpc::Status::OK;
  };
  endpoint_.log.clear();
  const CycleReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "announced", "completed"));
}

/// It may have died of it: a call of its own has more time.
TEST_F(CycleTest, BehindACycleThatDiedNothingIsNamed) {
  Sql(path_, kTwoTables);
  endpoint_.keeps_announcements = true;
  Run();
  endpoint_.tables["a"].position.set_lsn(-1);
  endpoint_.on_request = [](const v1::RowDataRequest&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "disk full");
  };
  EXPECT_EQ(Run().outcome, Outcome::kFailed);
  EXPECT_EQ(endpoint_.announced_sha256.size(), 64U);
  endpoint_.on_request = nullptr;
  EXPECT_TRUE(Run().Good());
  EXPECT_TRUE(endpoint_.take_overs.back());
  EXPECT_EQ(endpoint_.announced_sha256, "");
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced_sha256.size(), 64U);
}

struct ReasonCase {
  std::string name;
  std::function<void(FakeEndpoint&, const std::string& path)> before;
  CycleOptions options;
  std::string table;
  v1::PopulateReason reason;
  std::string words;
};

class ReasonTest : public CycleTest, public testing::WithParamInterface<ReasonCase> {};

TEST_P(ReasonTest, OnlyTheTableThatNeedsItIsPopulatedForItsReason) {
  Sql(path_, kTwoTables);
  Run();
  GetParam().before(endpoint_, path_);
  const CycleReport report = Run(GetParam().options);
  EXPECT_TRUE(report.Good()) << report.status;
  EXPECT_THAT(Populated(report), ElementsAre(GetParam().table));
  EXPECT_EQ(endpoint_.reasons[GetParam().table], GetParam().reason);
  EXPECT_THAT(Of(report, GetParam().table).reason, HasSubstr(GetParam().words));
  EXPECT_THAT(Populated(Run()), IsEmpty());
}

void Nothing(FakeEndpoint&, const std::string&) {}

INSTANTIATE_TEST_SUITE_P(
    Cycle, ReasonTest,
    testing::Values(
        ReasonCase{"MinusOne",
                   [](FakeEndpoint& e, const std::string&) { e.tables["a"].position.set_lsn(-1); },
                   {},
                   "a",
                   v1::POPULATE_REASON_MINUS_ONE,
                   "-1"},
        ReasonCase{"Ahead",
                   [](FakeEndpoint& e, const std::string&) { e.tables["a"].position.set_lsn(50); },
                   {},
                   "a",
                   v1::POPULATE_REASON_AHEAD,
                   "ahead"},
        ReasonCase{"LineageMiss",
                   [](FakeEndpoint& e, const std::string&) { e.tables["a"].position.set_lineage("other"); },
                   {},
                   "a",
                   v1::POPULATE_REASON_LINEAGE_MISS,
                   "did not send"},
        ReasonCase{"PendingMiss",
                   [](FakeEndpoint& e, const std::string&) {
                     e.tables["a"].pending.set_lsn(1);
                     e.tables["a"].pending.set_lineage("other");
                   },
                   {},
                   "a",
                   v1::POPULATE_REASON_PENDING_MISS,
                   "did not begin"},
        ReasonCase{"Count",
                   [](FakeEndpoint&, const std::string& path) { Sql(path, "DELETE FROM a WHERE id = 1"); },
                   {},
                   "a",
                   v1::POPULATE_REASON_REQUESTED,
                   "the source has 2 rows, the mirror 3"},
        ReasonCase{"CountWithoutKey",
                   [](FakeEndpoint&, const std::string& path) { Sql(path, "INSERT INTO b VALUES(3)"); },
                   {},
                   "b",
                   v1::POPULATE_REASON_KEYLESS,
                   "the source has 3 rows"},
        ReasonCase{
            "AskedFor", Nothing, {.repopulate = {"B"}}, "b", v1::POPULATE_REASON_REQUESTED, "asked for"},
        ReasonCase{"AskedForByEverything",
                   [](FakeEndpoint&, const std::string& path) { Sql(path, "DROP TABLE b"); },
                   {.repopulate_all = true},
                   "a",
                   v1::POPULATE_REASON_REQUESTED,
                   "asked for"}),
    [](const auto& test) { return test.param.name; });

TEST_F(CycleTest, SchemaThatTheMirrorCannotKeepIsPopulated) {
  Sql(path_, kTwoTables);
  Run();
  endpoint_.actions["a"] = v1::TABLE_ACTION_REPOPULATE;
  endpoint_.tables["a"].position.set_lsn(-1);
  const CycleReport report = Run();
  EXPECT_EQ(endpoint_.reasons["a"], v1::POPULATE_REASON_SCHEMA);
  EXPECT_THAT(Of(report, "a").reason, HasSubstr("because"));
}

TEST_F(CycleTest, RefusedHeldAndUnwantedTablesAreReportedAndTheOthersGoOn) {
  Sql(path_, kTwoTables);
  Sql(path_, "CREATE TABLE c(x); CREATE TABLE d(x)");
  endpoint_.actions = {{"a", v1::TABLE_ACTION_REFUSED}, {"b", v1::TABLE_ACTION_HELD}};
  endpoint_.unwanted["c"] = true;
  const CycleReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kDone);
  EXPECT_FALSE(report.Good());
  EXPECT_EQ(Of(report, "a").result, TableResult::kRefused);
  EXPECT_EQ(Of(report, "a").reason, "because");
  EXPECT_EQ(Of(report, "b").result, TableResult::kHeld);
  EXPECT_EQ(Of(report, "c").result, TableResult::kUnwanted);
  EXPECT_EQ(Of(report, "d").result, TableResult::kOk);
  EXPECT_THAT(Populated(report), ElementsAre("d"));
}

TEST_F(CycleTest, ARefusedBatchEndsItsTableAndTheOthersGoOn) {
  Sql(path_, Many("big", 20'000) + kTwoTables);
  endpoint_.on_batch = [](const v1::ChangeBatch& batch) {
    return batch.table() == "big" && batch.seq() == 3
               ? grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "held: 900 rows")
               : grpc::Status::OK;
  };
  const CycleReport report = Run({.batch_bytes = 50'000, .window = 2});
  EXPECT_EQ(report.outcome, Outcome::kDone);
  EXPECT_FALSE(report.Good());
  EXPECT_EQ(Of(report, "big").result, TableResult::kFailed);
  EXPECT_EQ(Of(report, "big").reason, "held: 900 rows");
  EXPECT_EQ(Of(report, "a").result, TableResult::kOk);
  EXPECT_EQ(endpoint_.tables["big"].position.lsn(), -1);
  EXPECT_LT(endpoint_.requests, 12);  // It was not sent to its end.
  EXPECT_EQ(endpoint_.completed.tables_size(), 2);
  // The next run begins it anew.
  endpoint_.on_batch = nullptr;
  const CycleReport next = Run();
  EXPECT_TRUE(next.Good());
  EXPECT_EQ(Of(next, "big").inserts, 20'000U);
  EXPECT_EQ(endpoint_.tables["big"].rows, 20'000U);
}

/// What is told to a history after a cycle.
class Noted : public RunState {
 public:
  explicit Noted(RunState state) : RunState(std::move(state)) {}
  absl::Status Forget(const std::map<std::string, Position>& what) override {
    durable = what;
    return absl::OkStatus();
  }
  std::map<std::string, Position> durable;
};

TEST_F(CycleTest, OnlyWhatWasCommittedCountsAsOnTheMirrorsDisk) {
  Sql(path_, kTwoTables);
  ASSERT_TRUE(Run().Good());
  Sql(path_, "DELETE FROM a WHERE id = 1; DELETE FROM b WHERE v = 1");
  endpoint_.on_batch = [](const v1::ChangeBatch& batch) {
    return batch.table() == "b" && batch.has_commit()
               ? grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "not this one")
               : grpc::Status::OK;
  };
  auto lock = LockFile::Acquire(folder_.path(), "Cust");
  ASSERT_THAT(lock, IsOk());
  auto loaded = RunState::Load(folder_.path(), "Cust");
  ASSERT_THAT(loaded, IsOk());
  Noted state(*std::move(loaded));
  SqliteReaderOptions source;
  source.path = path_;
  source.records = state.tables().Records();
  const std::unique_ptr<SourceReader> reader = OpenSqliteReader(std::move(source));
  MirrorClient client = endpoint_.Client();
  endpoint_.Settle();
  const CycleReport report = RunOnce({*reader, client, *lock, state}, {});
  endpoint_.Settle();
  EXPECT_EQ(Of(report, "b").result, TableResult::kFailed);
  // It was sent to its end, under a position that the mirror does not have.
  EXPECT_EQ(state.durable["a"].lsn.value, 2);
  EXPECT_LT(state.durable["b"].lsn.value, 2);
  ASSERT_NE(state.tables().FindConfirmed("a"), nullptr);
  EXPECT_EQ(state.tables().FindConfirmed("a")->position.lsn.value, 2);
  ASSERT_NE(state.tables().FindConfirmed("b"), nullptr);
  EXPECT_EQ(state.tables().FindConfirmed("b")->position.lsn.value, 1);
}

TEST_F(CycleTest, OnlyTheAnswerToTheBatchThatCommitsIsACommit) {
  Sql(path_, Many("big", 2'000) + kTwoTables);
  endpoint_.on_result = [](const v1::ChangeBatch& batch, v1::BatchResult* result) {
    if (batch.table() != "big") return;
    // One of a batch that there is not, before the last one is known, and one that was never sent.
    if (batch.seq() == 1) result->set_seq(0);
    if (batch.has_commit()) result->set_seq(batch.seq() + 1);
  };
  const CycleReport report = Run({.batch_bytes = 50'000, .window = 1});
  EXPECT_EQ(Of(report, "a").result, TableResult::kOk);
  EXPECT_EQ(Of(report, "big").result, TableResult::kFailed);
  EXPECT_THAT(Of(report, "big").reason, HasSubstr("did not acknowledge its commit"));
  EXPECT_EQ(endpoint_.completed.tables_size(), 2);
}

TEST_F(CycleTest, LargeTablesAreCutAndPlannedWhole) {
  Sql(path_, Many("big", 20'000));
  EXPECT_TRUE(Run({.batch_bytes = 100'000}).Good());
  EXPECT_EQ(endpoint_.planned["big"], 20'000U);
  EXPECT_EQ(endpoint_.tables["big"].rows, 20'000U);
  EXPECT_NEAR(endpoint_.requests, 20, 3);
}

TEST_F(CycleTest, AMirrorThatIsHeldHoldsTheReaderAtItsLimit) {
  Sql(path_, Many("big", 200'000) + kTwoTables);
  std::size_t received = 0, most = 0;
  endpoint_.on_request = [&](const v1::RowDataRequest& request) {
    // Until the reader is as far ahead as it may be.
    while (endpoint_.requests == 1 && read_bytes_ < ReadAhead::kBytesMax) std::this_thread::yield();
    received += request.ByteSizeLong();
    if (read_bytes_ > received) most = std::max(most, read_bytes_ - received);
    return grpc::Status::OK;
  };
  const CycleReport report = Run({.batch_bytes = 500'000, .window = 2});
  EXPECT_TRUE(report.Good()) << Of(report, "big").reason;
  EXPECT_EQ(endpoint_.tables["big"].rows, 200'000U);
  EXPECT_GE(most, ReadAhead::kBytesMax / 2);
  // One block that was just read, one request that is just made, two on their way.
  EXPECT_LE(most, ReadAhead::kBytesMax + 5 * 500'000);
}

TEST_F(CycleTest, LongValuesArriveBeforeTheirBatch) {
  Sql(path_,
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB); INSERT INTO t VALUES(1, zeroblob(20000000)), (2, "
      "x'01'), "
      "(3, zeroblob(5000000))");
  const CycleReport report = Run();
  EXPECT_TRUE(report.Good());
  EXPECT_EQ(endpoint_.tables["t"].rows, 3U);
  EXPECT_EQ(endpoint_.tables["t"].parts.size(), 2U);
}

TEST_F(CycleTest, BrokenStreamFailsTheRunAndTheNextTakesItsCycleOver) {
  Sql(path_, kTwoTables + Many("big", 20'000));
  endpoint_.on_request = [](const v1::RowDataRequest& request) {
    const bool third = request.batches_size() > 0 && request.batches(0).seq() == 3;
    return third ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "disk full") : grpc::Status::OK;
  };
  const CycleReport broken = Run({.batch_bytes = 100'000});
  EXPECT_EQ(broken.outcome, Outcome::kFailed);
  EXPECT_THAT(broken.status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk full")));
  EXPECT_EQ(Of(broken, "big").result, TableResult::kFailed);
  EXPECT_EQ(Of(broken, "big").reason, kCycleEndedFirst);
  EXPECT_EQ(Of(broken, "a").result, TableResult::kOk);  // Acknowledged before.
  EXPECT_EQ(endpoint_.Count("completed"), 0U);

  endpoint_.on_request = nullptr;
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.holders[1], endpoint_.holders[0]);
  EXPECT_THAT(endpoint_.take_overs, ElementsAre(false, true));
  EXPECT_EQ(endpoint_.tables["big"].rows, 20'000U);
  Run();
  EXPECT_NE(endpoint_.holders[2], endpoint_.holders[0]);
  EXPECT_FALSE(endpoint_.take_overs[2]);
}

TEST_F(CycleTest, EndedCycleIsNotTakenOver) {
  Sql(path_, kTwoTables);
  endpoint_.on_request = [](const v1::RowDataRequest&) {
    return grpc::Status(grpc::StatusCode::ABORTED, "paused by an operator");
  };
  const CycleReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted, HasSubstr("operator")));
  endpoint_.on_request = nullptr;
  EXPECT_TRUE(Run().Good());
  EXPECT_THAT(endpoint_.take_overs, ElementsAre(false, false));
}

TEST_F(CycleTest, CompletionThatFailsIsAFailedRun) {
  Sql(path_, kTwoTables);
  endpoint_.on_completed = grpc::Status(grpc::StatusCode::UNAVAILABLE, "cannot sync");
  const CycleReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cannot sync")));
  endpoint_.on_completed = grpc::Status::OK;
  EXPECT_TRUE(Run().Good());
  EXPECT_THAT(endpoint_.take_overs, ElementsAre(false, true));
}

TEST_F(CycleTest, BusyAndDoNotReplicateSendNothing) {
  Sql(path_, kTwoTables);
  endpoint_.busy = true;
  CycleReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kBusy);
  EXPECT_FALSE(report.Good());
  EXPECT_THAT(report.reason, AllOf(HasSubstr("1000"), HasSubstr("try again")));
  endpoint_.busy = false;
  endpoint_.do_not_replicate = true;
  report = Run();
  EXPECT_EQ(report.outcome, Outcome::kDoNotReplicate);
  EXPECT_TRUE(report.Good());
  EXPECT_EQ(report.reason, "paused for the inventory");
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "authenticate"));
  EXPECT_THAT(endpoint_.take_overs, ElementsAre(false, false));
}

TEST_F(CycleTest, WhatWasCutOffIsTakenOverAlsoBehindARefusal) {
  Sql(path_, kTwoTables);
  endpoint_.on_request = [](const v1::RowDataRequest&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut off");
  };
  EXPECT_EQ(Run().outcome, Outcome::kFailed);
  endpoint_.on_request = nullptr;
  endpoint_.do_not_replicate = true;
  for (const v1::DoNotReplicateBy by :
       {v1::DO_NOT_REPLICATE_BY_OPERATOR, v1::DO_NOT_REPLICATE_BY_MOVE, v1::DO_NOT_REPLICATE_BY_DELETED}) {
    endpoint_.told_by = by;
    Run();
  }
  endpoint_.do_not_replicate = false;
  endpoint_.busy = true;
  EXPECT_EQ(Run().outcome, Outcome::kBusy);
  endpoint_.busy = false;
  EXPECT_TRUE(Run().Good());
  EXPECT_THAT(endpoint_.take_overs, ElementsAre(false, true, true, true, true, true));
  EXPECT_THAT(endpoint_.holders, testing::Each(endpoint_.holders.front()));
  EXPECT_TRUE(Run().Good());
  EXPECT_NE(endpoint_.holders.back(), endpoint_.holders.front());
  EXPECT_FALSE(endpoint_.take_overs.back());
}

TEST_F(CycleTest, EndpointThatCannotProveItselfGetsNoRow) {
  Sql(path_, kTwoTables);
  endpoint_.lie_about_cycle = true;
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("No row was sent")));
  endpoint_.lie_about_cycle = false;
  const PairFiles other{folder_ / "other.crt", folder_ / "other.key"};
  ASSERT_THAT(IssueSigningKey(other, "other", Algorithm::kEs256, {}), IsOk());
  endpoint_.identity().application_key =
      std::make_shared<const PublicKey>(*PublicKey::Load(other.certificate));
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kUnauthenticated,
                                     AllOf(HasSubstr("cannot prove"), HasSubstr("application_certificate"),
                                           HasSubstr(endpoint_.address()))));
  EXPECT_EQ(endpoint_.Count("schema"), 0U);
}

TEST_F(CycleTest, AMirrorThatShowsAnOlderRunIsPopulatedThoughTheCountsAreEqual) {
  Sql(path_, kTwoTables);
  Run();
  const FakeEndpoint::Table backup = endpoint_.tables["a"];
  Sql(path_, "UPDATE a SET v = 'changed'");
  ASSERT_TRUE(Run({.repopulate = {"a"}}).Good());
  endpoint_.tables["a"] = backup;
  const CycleReport report = Run();
  EXPECT_THAT(Populated(report), ElementsAre("a"));
  EXPECT_THAT(Of(report, "a").reason, HasSubstr("older state"));
  EXPECT_THAT(Populated(Run()), IsEmpty());
}

TEST_F(CycleTest, ATableThatDiffersIsSentWholeByTheNextRun) {
  Sql(path_, kTwoTables);
  endpoint_.differs = "a";
  EXPECT_FALSE(Run().Good());
  endpoint_.differs.clear();
  EXPECT_THAT(Populated(Run()), ElementsAre("a"));
  EXPECT_THAT(Populated(Run()), IsEmpty());
}

TEST_F(CycleTest, TablesThatAreNotAnnouncedAnyMoreAreNamed) {
  Sql(path_, kTwoTables);
  EXPECT_THAT(Run().notes, IsEmpty());
  Sql(path_, "DROP TABLE b");
  EXPECT_THAT(Run().notes, ElementsAre(AllOf(HasSubstr("1 table is no longer announced"), HasSubstr("b"))));
  EXPECT_THAT(Run().notes, IsEmpty());
}

TEST_F(CycleTest, APatternThatNoTableMatchesIsNamed) {
  Sql(path_, kTwoTables);
  include_ = {"a", "bs"};
  skip_ = {"tmp_*"};
  EXPECT_THAT(Run().notes, ElementsAre(HasSubstr("'bs'"), HasSubstr("'tmp_*'")));
}

TEST_F(CycleTest, ACycleEndedAtTheMirrorIsToldInWordsForTheSource) {
  Sql(path_, kTwoTables);
  endpoint_.on_request = [](const v1::RowDataRequest&) {
    return grpc::Status(grpc::StatusCode::ABORTED, "cycle 5 is over. Begin a new cycle with Authenticate.");
  };
  const CycleReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted,
                                      AllOf(HasSubstr("by an operator"), HasSubstr("run again"))));
  EXPECT_EQ(Of(report, "a").reason, kCycleEndedFirst);
}

TEST_F(CycleTest, ATokenOfBeforeTheEndpointsStartIsSignedAnewOnce) {
  Sql(path_, kTwoTables);
  endpoint_.old_tokens = 1;
  EXPECT_THAT(Run().status, IsOk());
  EXPECT_EQ(endpoint_.Count("authenticate"), 2U);
  endpoint_.old_tokens = 2;
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("is not known")));
  EXPECT_EQ(endpoint_.Count("authenticate"), 4U);
}

TEST_F(CycleTest, ATokenIsSignedAnewInTheSecondFromWhichTheyAreNew) {
  Sql(path_, kTwoTables);
  // Refuses the first token, whenever it is signed, and all others of its second.
  endpoint_.on_authenticate = [this] {
    if (endpoint_.new_tokens_from_s == 0) endpoint_.new_tokens_from_s = NowMs() / 1'000 + 1;
  };
  EXPECT_THAT(Run().status, IsOk());
  EXPECT_EQ(endpoint_.Count("authenticate"), 2U);
}

TEST_F(CycleTest, ForASecondThatIsFarAwayNobodyWaits) {
  Sql(path_, kTwoTables);
  const std::int64_t now_s = NowMs() / 1'000;
  endpoint_.new_tokens_from_s = now_s + 3'600;
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("is not known")));
  EXPECT_EQ(endpoint_.Count("authenticate"), 2U);
  EXPECT_LT(NowMs() / 1'000, now_s + 60);
}

TEST_F(CycleTest, NoBatchHasMoreRowsOrCellsThanTheEndpointTakes) {
  Sql(path_, kTwoTables);
  Sql(path_, Many("many", 1'000));
  endpoint_.limits.set_batch_rows_max(400);
  endpoint_.limits.set_batch_cells_max(500);
  std::uint64_t most = 0;
  endpoint_.on_batch = [&](const v1::ChangeBatch& batch) {
    most = std::max<std::uint64_t>(most, batch.row_count());
    return grpc::Status::OK;
  };
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(most, 250U);
  EXPECT_EQ(endpoint_.tables["many"].rows, 1'000U);
}

TEST_F(CycleTest, NobodyThereSaysWhereAndWhatToLookAt) {
  Sql(path_, kTwoTables);
  endpoint_.Stop();
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kUnavailable,
                                     AllOf(HasSubstr("nobody answers at " + endpoint_.address()),
                                           HasSubstr("Nothing was sent"), HasSubstr("mirror-server runs"))));
}

TEST_F(CycleTest, AConnectionThatIsCutIsNotTakenForAWrongPortOrCertificate) {
  const std::shared_ptr<grpc::Channel> channel =
      OpenChannel(endpoint_.address(), grpc::InsecureChannelCredentials());
  MirrorClient client(channel, endpoint_.identity(), "Cust");
  ASSERT_THAT(client.Authenticate("", /*take_over=*/false, /*probe=*/true), IsOk());
  // The server was killed, and what stands in its place while it starts takes connections and hangs up. It
  // has the port before the server leaves it: nobody else's test may take it.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int reuse = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &reuse, sizeof(reuse));
  sockaddr_in here = {};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  here.sin_port =
      htons(static_cast<in_port_t>(std::stoi(endpoint_.address().substr(endpoint_.address().find(':') + 1))));
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof(here)), 0);
  endpoint_.Stop();
  // A call that begins before the channel knows is told that its connection broke, which is another sentence.
  ASSERT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY,
                                          std::chrono::system_clock::now() + std::chrono::minutes(1)));
  ASSERT_EQ(listen(listener, 16), 0);
  std::thread hangs_up([listener] {
    for (int one = 0; (one = accept(listener, nullptr, nullptr)) >= 0;) close(one);
  });
  const absl::Status cut = client.TableSchema({}).status();
  shutdown(listener, SHUT_RDWR);
  hangs_up.join();
  close(listener);
  EXPECT_THAT(cut,
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("broke and cannot be opened again"), HasSubstr(endpoint_.address()),
                             HasSubstr("What was acknowledged before is committed"),
                             HasSubstr("Check whether mirror-server runs"), testing::Not(HasSubstr("TLS")),
                             testing::Not(HasSubstr("ertificate")))));
}

TEST_F(CycleTest, SourceWithoutTablesAnnouncesNothing) {
  Sql(path_, "CREATE TABLE t(x); DROP TABLE t");
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no table")));
  EXPECT_THAT(endpoint_.log, IsEmpty());
}

TEST_F(CycleTest, UnknownTableToRepopulateIsRefusedBeforeAnythingIsSent) {
  Sql(path_, kTwoTables);
  EXPECT_THAT(Run({.repopulate = {"a", "nope"}}).status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'nope'")));
  EXPECT_THAT(endpoint_.log, IsEmpty());
}

TEST_F(CycleTest, TableWithAnInfinityKeepsItsOldRowsInTheMirror) {
  Sql(path_,
      "CREATE TABLE t(id INTEGER PRIMARY KEY, far REAL); INSERT INTO t VALUES(1, 1.5); CREATE TABLE ok(x)");
  ASSERT_TRUE(Run().Good());
  Sql(path_, "INSERT INTO t VALUES(2, 9e999)");
  std::filesystem::remove(folder_ / "Cust.json");  // So that the values are looked through anew.
  const CycleReport report = Run();
  EXPECT_EQ(Of(report, "t").result, TableResult::kFailed);
  EXPECT_THAT(Of(report, "t").reason, AllOf(HasSubstr("'far'"), HasSubstr("infinity")));
  EXPECT_EQ(endpoint_.tables["t"].position.lsn(), 1);
  EXPECT_EQ(endpoint_.announced.tables_size(), 2);  // Announced all the same, or it would count as dropped.
}

TEST_F(CycleTest, TableThatCannotBeNamedIsReported) {
  Sql(path_, "CREATE TABLE ok(x); CREATE TABLE \"" + std::string(129, 'n') + "\"(x)");
  const CycleReport report = Run();
  EXPECT_FALSE(report.Good());
  EXPECT_EQ(Of(report, std::string(129, 'n')).result, TableResult::kRefused);
  EXPECT_EQ(Of(report, "ok").result, TableResult::kOk);
}

TEST_F(CycleTest, ValueThatNoLongerFitsIsAnnouncedAnewInTheSameRun) {
  Sql(path_, "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES(1, 1); CREATE TABLE u(x)");
  ASSERT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced.tables(0).columns(1).type(), v1::TYPE_INT64);
  Sql(path_, "INSERT INTO t VALUES(2, 'two')");
  const CycleReport report = Run();
  EXPECT_TRUE(report.Good()) << Of(report, "t").reason;
  EXPECT_EQ(endpoint_.announced.tables(0).columns(1).type(), v1::TYPE_ANY);
  EXPECT_EQ(Of(report, "t").inserts, 2U);
  EXPECT_EQ(endpoint_.Count("authenticate"), 3U);
  EXPECT_EQ(endpoint_.Count("completed"), 3U);
  ASSERT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced.tables(0).columns(1).type(), v1::TYPE_ANY);
}

TEST_F(CycleTest, ATableThatIsRefusedForAValueOfItsKeyGoesOnWhenTheValueIsGone) {
  // As a store that has one type for each column of a key.
  endpoint_.refuses_any_keys = true;
  Sql(path_, "CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES('a', 1); CREATE TABLE u(x)");
  ASSERT_TRUE(Run().Good());
  const std::string secret = "geheim";
  Sql(path_, absl::StrCat("INSERT INTO t VALUES('", secret, "' || char(0), 2)"));
  for (int run = 0; run < 2; ++run) {
    const CycleReport report = Run();
    EXPECT_EQ(Of(report, "t").result, TableResult::kRefused);
    EXPECT_EQ(Of(report, "u").result, TableResult::kOk);
    EXPECT_THAT(Of(report, "t").reason,
                AllOf(HasSubstr("no key of type ANY is taken. Column 'k' of its key has the type TEXT"),
                      HasSubstr("Correct or delete such rows"), testing::Not(HasSubstr(secret))));
    EXPECT_EQ(endpoint_.tables["t"].rows, 1U);
  }
  Sql(path_, "DELETE FROM t WHERE v = 2; INSERT INTO t VALUES('b', 3)");
  // Within the interval the rows are not looked at, unless a person asks.
  const CycleOptions early = {.now_ms = 500, .key_look_interval_ms = 1'000};
  EXPECT_EQ(Of(Run(early), "t").result, TableResult::kRefused);
  CycleOptions asked = early;
  asked.repopulate_all = true;
  EXPECT_EQ(Of(Run(asked), "t").result, TableResult::kOk);
  EXPECT_EQ(endpoint_.tables["t"].rows, 2U);

  Sql(path_, "INSERT INTO t VALUES(x'00', 4)");
  EXPECT_EQ(Of(Run(early), "t").result, TableResult::kRefused);
  Sql(path_, "DELETE FROM t WHERE v = 4; INSERT INTO t VALUES('c', 5)");
  // Runs in between do not put the look off.
  for (const std::int64_t now_ms : {700, 900, 1'400}) {
    EXPECT_EQ(Of(Run({.now_ms = now_ms, .key_look_interval_ms = 1'000}), "t").result, TableResult::kRefused);
  }
  const CycleReport healed = Run({.now_ms = 1'500, .key_look_interval_ms = 1'000});
  EXPECT_TRUE(healed.Good()) << Of(healed, "t").reason;
  EXPECT_EQ(endpoint_.tables["t"].rows, 3U);
  EXPECT_TRUE(Run().Good());
}

TEST_F(CycleTest, TypesAreFoundAnewForATableThatIsPopulatedOnDemand) {
  Sql(path_, "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES(1, 'one'), (2, 2)");
  ASSERT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced.tables(0).columns(1).type(), v1::TYPE_ANY);
  Sql(path_, "UPDATE t SET v = 1 WHERE id = 1");
  ASSERT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.announced.tables(0).columns(1).type(), v1::TYPE_ANY);
  ASSERT_TRUE(Run({.repopulate = {"t"}}).Good());
  EXPECT_EQ(endpoint_.announced.tables(0).columns(1).type(), v1::TYPE_INT64);
}

TEST_F(CycleTest, SourceThatMovedIsReadAgainInANewCycle) {
  const CycleReport report = RunBesideWriter(2);
  EXPECT_TRUE(report.Good()) << Of(report, "big").reason;
  EXPECT_EQ(Of(report, "big").inserts, 20'000U);
  EXPECT_EQ(endpoint_.Count("authenticate"), 3U);
  EXPECT_EQ(endpoint_.Count("completed"), 3U);
  // The tables that were sent in the first cycle were not sent again.
  EXPECT_EQ(endpoint_.completed.tables_size(), 1);
  EXPECT_EQ(endpoint_.tables["big"].rows, 20'000U);
}

TEST_F(CycleTest, SourceThatAlwaysMovesIsReadFromACopy) {
  const CycleReport report = RunBesideWriter(kAlways);
  EXPECT_TRUE(report.Good()) << Of(report, "big").reason;
  EXPECT_EQ(endpoint_.Count("authenticate"), static_cast<std::size_t>(kMovesBeforeCopy + 1));
  EXPECT_EQ(endpoint_.tables["big"].rows, 20'000U);
}

TEST_F(CycleTest, SourceThatAlwaysMovesAndCannotBeCopiedIsRefusedWithWhatToDo) {
  copy_.max = 1'000;
  const CycleReport report = RunBesideWriter(kAlways);
  EXPECT_EQ(report.outcome, Outcome::kDone);
  EXPECT_FALSE(report.Good());
  EXPECT_EQ(Of(report, "big").result, TableResult::kFailed);
  EXPECT_THAT(Of(report, "big").reason,
              AllOf(HasSubstr("could not be read at one moment"), HasSubstr("4 attempts"),
                    HasSubstr("MB that may be copied"), HasSubstr("Set its journal_mode to WAL")));
  EXPECT_EQ(endpoint_.Count("authenticate"), 4U);
  EXPECT_EQ(Of(report, "a").result, TableResult::kOk);
  EXPECT_EQ(endpoint_.tables["big"].position.lsn(), -1);
}

TEST_F(CycleTest, SourceFileThatWasReplacedIsPopulatedThoughCountsAreEqual) {
  Sql(path_, kTwoTables);
  ASSERT_TRUE(Run().Good());
  std::filesystem::copy_file(path_, folder_ / "backup.db");
  std::filesystem::rename(folder_ / "backup.db", path_);
  const CycleReport report = Run();
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("restored")));
  EXPECT_THAT(Populated(report), ElementsAre("a", "b"));
  EXPECT_EQ(endpoint_.reasons["a"], v1::POPULATE_REASON_LINEAGE_MISS);
  EXPECT_THAT(Populated(Run()), IsEmpty());
}

TEST_F(CycleTest, LostStatePopulatesEverything) {
  Sql(path_, kTwoTables);
  ASSERT_TRUE(Run().Good());
  const std::string source_id = endpoint_.announced.source_id();
  std::filesystem::remove(folder_ / "Cust.json");
  const CycleReport report = Run();
  EXPECT_THAT(Populated(report), ElementsAre("a", "b"));
  EXPECT_GT(Of(report, "a").lsn, 1);
  EXPECT_NE(endpoint_.announced.source_id(), source_id);
}

TEST_F(CycleTest, StateIsDurableBeforeTheFirstRow) {
  Sql(path_, kTwoTables);
  Position promised;
  endpoint_.on_batch = [&](const v1::ChangeBatch& batch) {
    auto state = RunState::Load(folder_.path(), "Cust");
    EXPECT_THAT(state, IsOk());
    promised = {Lsn{batch.target().lsn()}, batch.target().lineage()};
    EXPECT_THAT(state->Judge(batch.table(), promised), IsOkAndHolds(Standing::kKnown));
    return grpc::Status::OK;
  };
  ASSERT_TRUE(Run().Good());
  EXPECT_EQ(promised.lsn.value, 1);
}

TEST_F(CycleTest, ManyTablesShareRequests) {
  std::string sql = "BEGIN;";
  for (int i = 0; i < 200; ++i)
    absl::StrAppend(&sql, "CREATE TABLE t", i, "(x INT); INSERT INTO t", i, " VALUES(1);");
  Sql(path_, sql + "COMMIT");
  const CycleReport report = Run();
  EXPECT_TRUE(report.Good());
  EXPECT_EQ(report.tables.size(), 200U);
  EXPECT_LE(endpoint_.requests, 10);
}

TEST_F(CycleTest, AuthenticateHasATokenOfItsOwnAndTheCallsShareOneThatTheEndpointWouldAccept) {
  Sql(path_, kTwoTables);
  Run();
  std::filesystem::create_directory(folder_ / "ring");
  std::filesystem::copy_file(folder_ / "source.crt", folder_ / "ring/source.crt");
  const auto ring = KeyRing::Load({{"Source", "test", folder_ / "ring"}});
  ASSERT_THAT(ring, IsOk());
  TokenRules rules;
  rules.audience = "application";
  rules.algorithms = {Algorithm::kEs256};
  const std::int64_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());

  const auto begin = VerifyToken(endpoint_.request_token, TokenUse::kAuthenticate, *ring, rules, now);
  ASSERT_THAT(begin, IsOk());
  EXPECT_EQ(begin->claims.context_id, "Cust");
  EXPECT_NEAR(static_cast<double>(begin->claims.not_before), static_cast<double>(now - 120), 30);
  EXPECT_NEAR(static_cast<double>(begin->claims.expires), static_cast<double>(now + 120), 30);
  std::set<std::string> nonces = {begin->claims.nonce};
  ASSERT_EQ(endpoint_.authorizations.size(), 3U);
  for (const std::string& authorization : endpoint_.authorizations) {
    ASSERT_THAT(authorization, testing::StartsWith("Bearer "));
    const auto call = VerifyToken(authorization.substr(7), TokenUse::kCall, *ring, rules, now);
    ASSERT_THAT(call, IsOk());
    EXPECT_NEAR(static_cast<double>(call->claims.expires), static_cast<double>(now + 300), 30);
    nonces.insert(call->claims.nonce);
  }
  EXPECT_EQ(nonces.size(), 2U);
}

TEST_F(CycleTest, AnAnnouncementThatIsRefusedEndsTheRunWhateverTheStatus) {
  Sql(path_, kTwoTables);
  for (int code = 1; code <= 16; ++code) {
    endpoint_.on_schema = [&](v1::TableSchemaResponse*) {
      return grpc::Status(static_cast<grpc::StatusCode>(code), "No.");
    };
    const CycleReport report = Run();
    EXPECT_EQ(report.outcome, Outcome::kFailed) << code;
    EXPECT_FALSE(report.status.ok()) << code;
  }
  endpoint_.on_schema = nullptr;
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.tables["a"].rows, 3U);
}

TEST_F(CycleTest, ARefusalInALaterCycleOfTheRunDoesNotBelieveTheFormerAnswer) {
  Sql(path_, Many("big", 20'000) + kTwoTables);
  int announced = 0;
  endpoint_.on_schema = [&](v1::TableSchemaResponse*) {
    return ++announced == 1 ? grpc::Status::OK : grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "No.");
  };
  bool changed = false;
  endpoint_.on_batch = [&](const v1::ChangeBatch& batch) {
    // It is read again, and by then there are more tables than were answered for.
    if (batch.table() == "big" && batch.seq() == 2 && !std::exchange(changed, true))
      Sql(path_, "UPDATE big SET v = v || 'y' WHERE id = 20000; CREATE TABLE c(x)");
    return grpc::Status::OK;
  };
  const CycleReport report = Run({.batch_bytes = 50'000, .window = 1, .read_ahead = 0});
  EXPECT_EQ(announced, 2);
  EXPECT_FALSE(report.Good());
  endpoint_.on_schema = nullptr;
  EXPECT_TRUE(Run().Good());
}

TEST_F(CycleTest, AnAnswerThatIsNotOfTheAnnouncedTablesIsNotGoneOnWith) {
  Sql(path_, kTwoTables);
  const std::pair<const char*, std::function<void(v1::TableSchemaResponse*)>> answers[] = {
      {"for each announced table", [](auto* answer) { answer->clear_tables(); }},
      {"for each announced table", [](auto* answer) { *answer->add_tables() = answer->tables(0); }},
      {"names another table", [](auto* answer) { answer->mutable_tables()->SwapElements(0, 1); }},
      {"names another table", [](auto* answer) { *answer->mutable_tables(1) = answer->tables(0); }},
      {"which is part of its key",
       [](auto* answer) { answer->mutable_tables(0)->set_rules(0, v1::COLUMN_RULE_LEFT_OUT); }},
  };
  for (const auto& [words, change] : answers) {
    endpoint_.on_schema = [&change = change](v1::TableSchemaResponse* answer) {
      change(answer);
      return grpc::Status::OK;
    };
    const CycleReport report = Run();
    EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kInternal, HasSubstr(words)));
  }
  EXPECT_EQ(endpoint_.requests, 0) << "no row went out";
  endpoint_.on_schema = nullptr;
  EXPECT_TRUE(Run().Good());
}

TEST_F(CycleTest, LimitsWithinWhichNoRowCanBeSentEndTheRun) {
  Sql(path_, kTwoTables);
  endpoint_.limits.set_message_bytes_max(1);
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kInternal, HasSubstr("message_bytes_max = 1")));
  endpoint_.limits.Clear();
  endpoint_.limits.set_part_bytes_max(1);
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kInternal, HasSubstr("part_bytes_max = 1")));
  endpoint_.limits.Clear();
  endpoint_.limits.set_batch_rows_max(1);
  endpoint_.limits.set_batch_cells_max(1);
  endpoint_.limits.set_message_bytes_max(64 << 10);
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.tables["a"].rows, 3U);
}

/// In a call of its own, and over a stream.
class SilenceTest : public CycleTest, public testing::WithParamInterface<std::pair<int, const char*>> {};

TEST_P(SilenceTest, AnEndpointThatTakesRowsAndSaysNothingIsGivenUp) {
  Sql(path_, Many("a", GetParam().first));
  std::mutex mutex;
  std::condition_variable given_up;
  bool over = false;
  endpoint_.on_request = [&](const v1::RowDataRequest&) {
    std::unique_lock lock(mutex);
    given_up.wait(lock, [&] { return over; });
    return grpc::Status::OK;
  };
  patience_.long_call = std::chrono::milliseconds(50);
  // The endpoint's lock is held by the one that is silent.
  CycleReport report = Run({.batch_bytes = 50'000, .window = 1}, [&] {
    const std::lock_guard lock(mutex);
    over = true;
    given_up.notify_all();
  });
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr(GetParam().second)));
  endpoint_.on_request = nullptr;
  patience_ = {};
  EXPECT_TRUE(Run().Good());
}

INSTANTIATE_TEST_SUITE_P(Rows, SilenceTest,
                         testing::Values(std::pair(3, "did not answer in time"),
                                         std::pair(2'000, "gave no answer")),
                         [](const auto& test) { return test.param.first == 3 ? "Call" : "Stream"; });

/// A stream costs more than the call.
TEST_F(CycleTest, WhatFillsNoRequestGoesInACallOfItsOwn) {
  Sql(path_, Many("a", 2'000));
  EXPECT_TRUE(Run({.batch_bytes = 1'000'000}).Good());
  EXPECT_EQ(endpoint_.requests, 1);
  EXPECT_EQ(endpoint_.streams, 0);
  endpoint_.tables["a"].position.set_lsn(-1);
  EXPECT_TRUE(Run({.batch_bytes = 50'000}).Good());
  EXPECT_GT(endpoint_.requests, 3);
  EXPECT_EQ(endpoint_.streams, 1);
  EXPECT_EQ(endpoint_.tables["a"].rows, 2'000U);
}

TEST_F(CycleTest, WhoWantsNoChangesDecidesWhetherThatIsGood) {
  Sql(path_, kTwoTables);
  endpoint_.do_not_replicate = true;
  const std::pair<v1::DoNotReplicateBy, Outcome> cases[] = {
      {v1::DO_NOT_REPLICATE_BY_UNSPECIFIED, Outcome::kDoNotReplicate},
      {v1::DO_NOT_REPLICATE_BY_OPERATOR, Outcome::kDoNotReplicate},
      {v1::DO_NOT_REPLICATE_BY_MISS, Outcome::kStopped},
      {v1::DO_NOT_REPLICATE_BY_HOOK, Outcome::kStopped},
      {v1::DO_NOT_REPLICATE_BY_DELETED, Outcome::kStopped},
      {static_cast<v1::DoNotReplicateBy>(77), Outcome::kStopped},
  };
  for (const auto& [by, outcome] : cases) {
    endpoint_.told_by = by;
    const CycleReport report = Run();
    EXPECT_EQ(report.outcome, outcome) << by;
    EXPECT_EQ(report.Good(), outcome == Outcome::kDoNotReplicate) << by;
    EXPECT_THAT(report.reason, HasSubstr("paused for the inventory"));
  }
}

TEST_F(CycleTest, ATokenThatWasRefusedIsNotUsedAgain) {
  MirrorClient client = endpoint_.Client();
  endpoint_.refused_calls = 1;
  endpoint_.Settle();
  EXPECT_THAT(client.TableSchema({}), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(client.TableSchema({}), StatusIs(absl::StatusCode::kAborted)) << "there is no cycle";
  EXPECT_THAT(client.TableSchema({}), StatusIs(absl::StatusCode::kAborted));
  endpoint_.Settle();
  const std::vector<std::string>& sent = endpoint_.authorizations;
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_NE(sent[0], sent[1]);
  EXPECT_EQ(sent[1], sent[2]);
}

TEST_F(CycleTest, TheCycleEndsWithItsOnlyRequest) {
  Sql(path_, kTwoTables);
  endpoint_.ends = FakeEndpoint::Ends::kWithGoodRows;
  const CycleReport report = Run();
  EXPECT_TRUE(report.Good()) << report.status;
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "schema", "rows", "ended"));
  ASSERT_EQ(endpoint_.completed.tables_size(), 2);
  EXPECT_EQ(endpoint_.completed.cycle(), 1'001);
  EXPECT_EQ(endpoint_.completed.tables(0).table(), "a");
  EXPECT_EQ(endpoint_.completed.tables(0).inserts(), 3U);
  EXPECT_EQ(endpoint_.completed.tables(0).row_count(), 3U);
  EXPECT_GT(endpoint_.completed.source_time_ms(), 0);
  EXPECT_THAT(endpoint_.completed.stale_tables(), IsEmpty());
  // Without rows it is a call of its own, and with many.
  EXPECT_TRUE(Run().Good());
  EXPECT_EQ(endpoint_.Count("completed"), 1U);
  Sql(path_, Many("big", 2'000));
  EXPECT_TRUE(Run({.batch_bytes = 50'000}).Good());
  EXPECT_EQ(endpoint_.Count("completed"), 2U);
  EXPECT_EQ(endpoint_.Count("ended"), 1U);
}

TEST_F(CycleTest, WhatTheMirrorFoundAtTheEndOfRowsIsTaken) {
  Sql(path_, kTwoTables);
  endpoint_.ends = FakeEndpoint::Ends::kWithGoodRows;
  endpoint_.differs = "a";
  const CycleReport report = Run();
  EXPECT_FALSE(report.Good());
  EXPECT_EQ(Of(report, "a").result, TableResult::kFailed);
  EXPECT_THAT(Of(report, "a").reason, HasSubstr("What was sent is committed"));
  endpoint_.differs.clear();
  EXPECT_THAT(Populated(Run()), ElementsAre("a"));
}

constexpr auto kRefuseA = [](const v1::ChangeBatch& batch) {
  return batch.table() == "a" ? grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "a row is wrong")
                              : grpc::Status::OK;
};

TEST_F(CycleTest, AnEndThatTheMirrorLeavesUndoneIsACallOfItsOwn) {
  Sql(path_, kTwoTables);
  endpoint_.ends = FakeEndpoint::Ends::kWithGoodRows;
  endpoint_.on_batch = kRefuseA;
  const CycleReport report = Run();
  EXPECT_EQ(Of(report, "a").result, TableResult::kFailed);
  EXPECT_EQ(Of(report, "b").result, TableResult::kOk);
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "schema", "rows", "completed"));
  EXPECT_EQ(endpoint_.completed.tables_size(), 1);
  EXPECT_THAT(endpoint_.completed.stale_tables(), ElementsAre("a"));
}

/// It says that the cycle is over though a batch was refused.
TEST_F(CycleTest, AnEndThatDoesNotFollowFromTheRowsIsNotBelieved) {
  Sql(path_, kTwoTables);
  endpoint_.ends = FakeEndpoint::Ends::kAlways;
  endpoint_.on_batch = kRefuseA;
  EXPECT_EQ(Of(Run(), "a").result, TableResult::kFailed);
  EXPECT_THAT(endpoint_.log, ElementsAre("authenticate", "schema", "rows", "ended", "completed"));
  EXPECT_EQ(endpoint_.completed.tables_size(), 1);
}

}  // namespace
}  // namespace mirror::cycle_test
