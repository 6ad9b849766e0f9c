// kill -9 of the real server at each durable step, and at any moment. After a restart the source retries as
// the protocol says, and the mirror must equal it row by row; what was acknowledged as durable must be there
// as soon as the server is dead.
//
// MIRROR_TEST_CRASH_RUNS=n: n passes of each point are tried (10 or more: all of them), and 5 * n kills from
// outside in each scenario. MIRROR_TEST_SEED=n repeats the choice.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"
#include "tests/support/fake_source.h"
#include "tests/support/installation.h"
#include "tests/support/mirror_file.h"
#include "tests/support/places.h"
#include "tests/support/rows.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_matchers.h"

namespace mirror::crash_test {
namespace {

constexpr std::uint64_t kAllRuns = 10;
constexpr int kKillsOfOneRun = 5;

std::uint64_t CrashRuns() { return std::max<std::uint64_t>(1, FromEnvironment("MIRROR_TEST_CRASH_RUNS", 1)); }

/// Calls that remember what the endpoint promised, and how often it passes each point.
class RememberingCalls final : public MirrorCalls {
 public:
  /// The server may come back on other ports.
  void Use(std::unique_ptr<MirrorClient> client) { client_ = std::move(client); }

  absl::StatusOr<v1::AuthenticateResponse> Authenticate(const std::string& holder, bool take_over,
                                                        bool probe) override {
    ++commits_;
    return client_->Authenticate(holder, take_over, probe);
  }
  absl::StatusOr<v1::TableSchemaResponse> TableSchema(const v1::TableSchemaRequest& request) override {
    ++commits_;
    // A table with another definition may have to be populated, one that is not listed goes.
    std::map<std::string, std::string> announced;
    for (const v1::Table& table : request.tables()) announced[table.name()] = table.SerializeAsString();
    std::erase_if(durable_, [&](const auto& entry) {
      const auto now = announced.find(entry.first);
      return now == announced.end() || now->second != announced_[entry.first];
    });
    announced_ = std::move(announced);
    return client_->TableSchema(request);
  }
  absl::StatusOr<v1::RowDataResponse> RowData(const v1::RowDataRequest& request) override {
    Sent(request);
    absl::StatusOr<v1::RowDataResponse> response = client_->RowData(request);
    if (response.ok()) Acknowledged(request, *response);
    return response;
  }
  absl::StatusOr<std::unique_ptr<RowStream>> OpenRowStream() override {
    absl::StatusOr<std::unique_ptr<RowStream>> stream = client_->OpenRowStream();
    if (!stream.ok()) return stream.status();
    return std::make_unique<Stream>(*this, *std::move(stream));
  }
  absl::StatusOr<v1::WipeResponse> Wipe(const v1::WipeRequest& request) override {
    ++commits_;
    durable_.erase(request.table());
    return client_->Wipe(request);
  }
  absl::StatusOr<v1::ReplicationCompletedResponse> ReplicationCompleted(
      const v1::ReplicationCompletedRequest& request) override {
    ++commits_;
    return client_->ReplicationCompleted(request);
  }

  /// LSN of each table whose commit was acknowledged as durable, unless a population was begun since.
  const std::map<std::string, std::int64_t>& durable() const { return durable_; }
  /// How often the server passes this point in the calls so far, at most.
  int Passes(const std::string& point) const {
    if (point == "rows.written") return batches_;
    if (point == "apply.committed") return requests_;
    if (point.starts_with("swap.")) return populations_;
    return commits_;
  }
  void ForgetPasses() { commits_ = batches_ = requests_ = populations_ = 0; }

 private:
  class Stream final : public RowStream {
   public:
    Stream(RememberingCalls& calls, std::unique_ptr<RowStream> stream)
        : calls_(calls), stream_(std::move(stream)) {}
    absl::Status Send(const v1::RowDataRequest& request) override {
      calls_.Sent(request);
      unanswered_.push_back(request);
      return stream_->Send(request);
    }
    absl::StatusOr<v1::RowDataResponse> Receive() override {
      absl::StatusOr<v1::RowDataResponse> response = stream_->Receive();
      if (!response.ok()) return response;
      calls_.Acknowledged(unanswered_.front(), *response);
      unanswered_.erase(unanswered_.begin());
      return response;
    }
    absl::Status Finish() override { return stream_->Finish(); }

   private:
    RememberingCalls& calls_;
    std::unique_ptr<RowStream> stream_;
    std::vector<v1::RowDataRequest> unanswered_;
  };

  void Sent(const v1::RowDataRequest& request) {
    ++commits_;
    ++requests_;
    for (const v1::ChangeBatch& batch : request.batches()) {
      if (batch.row_count() > 0) ++batches_;
      if (batch.populate() == v1::POPULATE_REASON_UNSPECIFIED) continue;
      ++populations_;
      durable_.erase(batch.table());
    }
  }

  void Acknowledged(const v1::RowDataRequest& request, const v1::RowDataResponse& response) {
    int result = response.results_size() - request.batches_size() - request.advance().tables_size();
    for (const v1::ChangeBatch& batch : request.batches()) {
      const v1::BatchResult& answer = response.results(result++);
      if (answer.code() == 0 && answer.durable() && batch.has_commit()) {
        durable_[batch.table()] = batch.commit().position().lsn();
      }
    }
    for (const v1::Advance::Table& table : request.advance().tables()) {
      const v1::BatchResult& answer = response.results(result++);
      if (answer.code() == 0 && answer.durable())
        durable_[table.table()] = request.advance().position().lsn();
    }
  }

  std::unique_ptr<MirrorClient> client_;
  std::map<std::string, std::int64_t> durable_;
  std::map<std::string, std::string> announced_;  ///< Definitions by name.
  int commits_ = 0, batches_ = 0, requests_ = 0, populations_ = 0;
};

// --- The scenarios ---

struct Scenario {
  std::string name;
  bool mirrored = true;  ///< A cycle has run before the one that is hit.
  std::function<void(FakeSource&)> change = [](FakeSource&) {};
  std::string partner_sql = {};  ///< What the mirror's owner does before.
  FakeCycleOptions options = {};
  /// Before the request with this number the source dies in a cycle of the server that is hit, and begins
  /// another one. -1: it does not.
  int source_dies_before = -1;
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

TableSchema Files() {
  return NamedTable("files", {KeyColumn("id", Type::kInt64), PlainColumn("content", Type::kBytes),
                              PlainColumn("words", Type::kText)});
}

void FillSource(FakeSource& source) {
  source.CreateTable(People());
  source.CreateTable(Pairs());
  source.CreateTable(Keyless());
  for (int i = 0; i < 12; ++i) source.Put("people", {i, absl::StrCat("name ", i), i});
  for (int i = 0; i < 5; ++i) source.Put("pairs", {i, "b", "v"});
  for (int i = 0; i < 4; ++i) source.Put("keyless", {"same", i / 2});
}

void ChangeRows(FakeSource& source) {
  for (int i = 0; i < 7; ++i) source.Update("people", {i}, {{"name", "changed"}});
  source.Delete("people", {8});
  source.Put("people", {100, "new", nullptr});
  source.Update("people", {9}, {{"id", 200}});
  source.Put("pairs", {77, "new", "v"});
  source.DeleteRow("keyless", {"same", 0});
}

FakeCycleOptions Options(const std::function<void(FakeCycleOptions&)>& set = nullptr) {
  FakeCycleOptions options;
  options.batch_rows = 5;
  if (set) set(options);
  return options;
}

std::vector<Scenario> Scenarios() {
  return {
      {.name = "FirstPopulation", .mirrored = false, .options = Options()},
      {.name = "FirstPopulationStreamed", .mirrored = false, .options = Options([](FakeCycleOptions& o) {
                                                               o.stream = true;
                                                             })},
      // What the first cycle left in a table that was its own shadow goes when the file gets its name.
      {.name = "FirstPopulationBegunAnew", .mirrored = false, .options = Options(), .source_dies_before = 2},
      {.name = "Increments", .change = ChangeRows, .options = Options()},
      {.name = "IncrementsStreamed", .change = ChangeRows, .options = Options([](FakeCycleOptions& o) {
                                                             o.stream = true;
                                                             o.batches_per_request = 2;
                                                             o.batch_rows = 2;
                                                           })},
      {.name = "RepopulationUnderIndexes",
       .change =
           [](FakeSource& source) {
             ChangeRows(source);
             source.Put("people", {300, "changed", 5});  // Breaks the partner's unique index.
           },
       .partner_sql = "CREATE INDEX by_age ON people (age); CREATE UNIQUE INDEX by_name ON people (name); "
                      "CREATE VIEW old_people AS SELECT name FROM people WHERE age > 3; "
                      "CREATE TRIGGER no_more BEFORE INSERT ON people BEGIN SELECT raise(ABORT, 'no'); END",
       .options = Options([](FakeCycleOptions& o) { o.populate_all = true; })},
      {.name = "Wipe",
       .change =
           [](FakeSource& source) {
             ChangeRows(source);
             // Too wide to be copied: its shadow is renamed, those of the others are not.
             source.Put("people", {301, std::string(100'000, 'x'), 5});
           },
       .options = Options([](FakeCycleOptions& o) {
         o.populate_all = true;
         o.wipe = true;
       })},
      {.name = "SchemaChanges",
       .change =
           [](FakeSource& source) {
             ChangeRows(source);
             TableSchema people = People();
             people.columns.erase(people.columns.begin() + 2);
             people.columns.push_back(PlainColumn("since", Type::kInt32));
             people.columns.back().default_value = Literal(std::int64_t{7});
             people.columns.back().backfill = Backfill::kDefault;
             source.AlterTable(people);
             TableSchema pairs = Pairs();
             pairs.columns[1].key_position = 0;
             source.AlterTable(pairs);
             source.DropTable("keyless");
             source.CreateTable(Keyless("other"));
             source.Put("other", {"one", 1});
           },
       .options = Options()},
      {.name = "ValuesInParts",
       .change =
           [](FakeSource& source) {
             source.CreateTable(Files());
             const std::string large(kPartBytesMax + 1'000, 'x');
             source.Put("files", {1, Blob(large + "1"), "short"});
             source.Put("files", {2, Blob("short"), large + "2"});
           },
       .options = Options()},
  };
}

class CrashTest : public testing::TestWithParam<Scenario> {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<Installation>> made =
        Installation::Init({.bin_dir = BinDir(), .context_id = "Cust"});
    ASSERT_TRUE(made.ok()) << made.status();
    here_ = *std::move(made);
    const std::uint64_t seed = TestSeed();
    random_.seed(seed);
    source_seed_ = seed;
  }

  void TearDown() override {
    if (HasFailure()) std::cerr << "--- the server's log\n" << here_->ServerLog() << "---\n";
  }

  std::uint64_t Below(std::uint64_t limit) { return random_() % limit; }

  void StartServer(const std::string& crash_at = "") {
    here_->set_environment(crash_at.empty() ? std::vector<std::string>()
                                            : std::vector<std::string>{"MIRROR_CRASH_AT=" + crash_at});
    ASSERT_THAT(here_->Start(), IsOk());
    plain_ = crash_at.empty();
    started_ = true;
  }
  /// Whether it was killed, which takes its time on a busy machine. One that was shut down was not.
  bool Died() {
    const absl::StatusOr<int> code = here_->server().Wait(std::chrono::seconds(20));
    return code.ok() && *code == 128 + SIGKILL;
  }
  bool Running() { return started_ && here_->server().running(); }

  /// A new tenant, as it is before the cycle that is hit. The server that serves it goes on.
  void Prepare() {
    context_ = absl::StrCat("Cust-", ++tenants_);
    source_ = std::make_unique<FakeSource>(source_seed_ + tenants_);
    calls_ = std::make_unique<RememberingCalls>();
    FillSource(*source_);
    if (!Running() || !plain_) StartServer();
    if (GetParam().mirrored) {
      calls_->Use(here_->Client(context_).value());
      const FakeCycleReport report = source_->RunCycle(*calls_);
      ASSERT_TRUE(report.AllDone()) << report.Summary();
      if (!GetParam().partner_sql.empty()) {
        ASSERT_EQ(here_->mirror(context_).Execute(GetParam().partner_sql), "");
      }
    }
    before_ = VisibleRows();
    GetParam().change(*source_);
    calls_->ForgetPasses();
  }

  std::map<std::string, std::vector<std::string>> VisibleRows() {
    std::map<std::string, std::vector<std::string>> rows;
    if (!GetParam().mirrored) return rows;
    for (const std::string& table : source_->Tables()) {
      rows[table] = here_->mirror(context_).Rows(source_->Schema(table));
    }
    return rows;
  }

  /// The server is dead and nobody has opened the mirror since: what was acknowledged is there.
  void ExpectNothingLost() {
    if (!std::filesystem::exists(here_->mirror_path(context_))) {
      EXPECT_TRUE(calls_->durable().empty());
      return;
    }
    const MirrorFile mirror = here_->mirror(context_);
    for (const auto& [table, lsn] : calls_->durable()) {
      EXPECT_GE(mirror.Lsn(table), lsn) << "table '" << table << "': an acknowledged commit is gone";
    }
    // A population shows all of its rows or none: the others are changed in place, batch by batch.
    if (!GetParam().options.populate_all) return;
    for (const auto& [table, rows] : before_) {
      const std::vector<std::string> seen = mirror.Rows(source_->Schema(table));
      EXPECT_TRUE(seen == rows || seen == source_->ShownRows(table))
          << "table '" << table << "': a reader sees " << seen.size() << " rows, a half of a population";
    }
  }

  /// The source goes on as the protocol says: in the same cycle, or in a new one.
  void Recover(FakeCycleReport report, bool same_cycle) {
    if (!same_cycle || report.end != FakeCycleReport::End::kCompleted) {
      if (!Running()) StartServer();
      calls_->Use(here_->Client(context_).value());
      report = source_->RunCycle(*calls_, GetParam().options);
    }
    ASSERT_TRUE(report.AllDone()) << report.Summary();
    const MirrorFile mirror = here_->mirror(context_);
    EXPECT_EQ(Difference(*source_, mirror), "");
    EXPECT_EQ(mirror.Value("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(mirror.Value("SELECT count(*) FROM _mirror_shadow"), "0");
    EXPECT_EQ(mirror.Value("SELECT count(*) FROM _mirror_parts"), "0");
    EXPECT_EQ(mirror.Value("SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_mirror\\_shadow\\__%' "
                           "ESCAPE '\\'"),
              "0");
    for (const std::string& table : source_->Tables()) {
      EXPECT_EQ(mirror.Value(absl::StrCat("SELECT row_count FROM ", mirror.metadata(),
                                          " WHERE table_name = '", table, "'")),
                absl::StrCat(source_->Rows(table).size()));
    }
    if (GetParam().partner_sql.empty()) return;
    EXPECT_EQ(mirror.Value("SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE name IN "
                           "('by_age', 'old_people', 'no_more') ORDER BY name)"),
              "by_age,no_more,old_people");
  }

  /// The cycle that is hit. `same_cycle`: its calls are made again to the restarted server.
  FakeCycleReport RunHitCycle(bool same_cycle) {
    FakeCycleOptions options = GetParam().options;
    if (same_cycle) {
      options.recover = [this](const absl::Status& status) -> MirrorCalls* {
        // The server is there again, and the cycle is not: it was that of a mirror being built.
        if (absl::IsAborted(status)) return nullptr;
        // Whoever killed it may be at it still.
        if (!Died()) return nullptr;
        ExpectNothingLost();
        StartServer();
        if (!Running()) return nullptr;
        calls_->Use(here_->Client(context_).value());
        return calls_.get();
      };
    }
    calls_->Use(here_->Client(context_).value());
    if (GetParam().source_dies_before >= 0) {
      FakeCycleOptions dying = options;
      dying.die_before_request = GetParam().source_dies_before;
      FakeCycleReport died = source_->RunCycle(*calls_, dying);
      if (died.end != FakeCycleReport::End::kDied) return died;
    }
    return source_->RunCycle(*calls_, options);
  }

  /// A cycle with a server that dies at its n-th pass of the point, unless there are fewer.
  void HitAt(const char* point, int n, bool* crashed) {
    const bool same_cycle = Below(2) == 0;
    SCOPED_TRACE(absl::StrCat("MIRROR_CRASH_AT=", point, ":", n, same_cycle ? ", the same" : ", another",
                              " cycle goes on"));
    ASSERT_NO_FATAL_FAILURE(Prepare());
    here_->Kill();
    ASSERT_NO_FATAL_FAILURE(StartServer(absl::StrCat(point, ":", n)));
    FakeCycleReport report = RunHitCycle(same_cycle);
    // Without the point in its environment it is one that took the place of the dead one.
    *crashed = plain_ || (report.end != FakeCycleReport::End::kCompleted && Died());
    if (!plain_ && *crashed) ExpectNothingLost();
    ASSERT_NO_FATAL_FAILURE(Recover(std::move(report), same_cycle || !*crashed));
    if (!*crashed) here_->Kill();
  }

  /// How often each point is passed in the scenario, at most.
  void CountPasses() {
    Prepare();
    const auto began = std::chrono::steady_clock::now();
    const FakeCycleReport report = RunHitCycle(false);
    duration_ = std::chrono::steady_clock::now() - began;
    ASSERT_TRUE(report.AllDone()) << report.Summary();
    for (const char* point : kPoints) passes_[point] = calls_->Passes(point);
    // With the end of its first cycle a mirror gets its file.
    for (const char* point : kBuildingPoints) passes_[point] = GetParam().mirrored ? 0 : 1;
    // Until then its tables are filled where they are.
    const bool swaps = GetParam().mirrored || GetParam().source_dies_before >= 0;
    for (const char* point : kSwapPoints) passes_[point] = swaps ? passes_[point] : 0;
    passes_["rows.written"] += 1;  // A population's first batch may have no rows, and others may be split.
  }

  static constexpr const char* kPoints[] = {"commit.begun",    "rows.written",      "swap.exchanged",
                                            "swap.indexed",    "commit.before",     "commit.after",
                                            "apply.committed", "building.complete", "building.emptied",
                                            "building.synced", "building.named"};
  static constexpr const char* kSwapPoints[] = {"swap.exchanged", "swap.indexed"};
  static constexpr const char* kBuildingPoints[] = {"building.complete", "building.emptied",
                                                    "building.synced", "building.named"};

  std::unique_ptr<Installation> here_;
  std::mt19937_64 random_;
  std::uint64_t source_seed_ = 0;
  bool started_ = false;
  bool plain_ = false;  ///< The server runs without MIRROR_CRASH_AT.
  int tenants_ = 0;
  std::string context_;
  std::unique_ptr<FakeSource> source_;
  std::unique_ptr<RememberingCalls> calls_;
  std::map<std::string, std::vector<std::string>> before_;
  std::map<std::string, int> passes_;
  std::chrono::steady_clock::duration duration_{};
};

TEST_P(CrashTest, AtEachDurableStepNothingIsLost) {
  ASSERT_NO_FATAL_FAILURE(CountPasses());
  int crashes = 0, survived = 0;
  for (const char* point : kPoints) {
    // What was counted is the most that there can be: a pass that is not reached says how many there are.
    int passes = passes_[point];
    const std::uint64_t wanted = CrashRuns() >= kAllRuns ? static_cast<std::uint64_t>(passes) : CrashRuns();
    std::set<int> died;
    while (passes > 0 && died.size() < std::min<std::uint64_t>(wanted, static_cast<std::uint64_t>(passes))) {
      int n = 1 + static_cast<int>(Below(static_cast<std::uint64_t>(passes)));
      while (died.contains(n)) n = n % passes + 1;
      bool crashed = false;
      ASSERT_NO_FATAL_FAILURE(HitAt(point, n, &crashed));
      if (HasFailure()) return;
      crashed ? ++crashes : ++survived;
      if (crashed) {
        died.insert(n);
      } else {
        passes = n - 1;
      }
    }
    EXPECT_TRUE(passes_[point] == 0 || !died.empty()) << "nothing ever died at " << point;
  }
  EXPECT_GT(crashes, 0);
  std::cout << GetParam().name << ": " << crashes << " crashes at " << std::size(kPoints) << " points, "
            << survived << " not reached\n";
}

TEST_P(CrashTest, KilledAtAnyMomentNothingIsLost) {
  ASSERT_NO_FATAL_FAILURE(CountPasses());
  const auto longest = std::chrono::duration_cast<std::chrono::microseconds>(duration_).count();
  const int runs = kKillsOfOneRun * static_cast<int>(CrashRuns());
  int crashes = 0, within = 0;
  for (int run = 0; run < runs; ++run) {
    const std::chrono::microseconds delay(Below(static_cast<std::uint64_t>(longest) + 1));
    const bool same_cycle = Below(2) == 0;
    SCOPED_TRACE(absl::StrCat("kill ", run, " after ", delay.count(), " microseconds"));
    ASSERT_NO_FATAL_FAILURE(Prepare());
    const pid_t victim = here_->server().pid();
    std::thread killer([victim, delay] {
      std::this_thread::sleep_for(delay);
      kill(victim, SIGKILL);
    });
    FakeCycleReport report = RunHitCycle(same_cycle);
    killer.join();
    if (report.end != FakeCycleReport::End::kCompleted || here_->server().pid() != victim) ++within;
    if (here_->server().pid() == victim) {
      ASSERT_TRUE(Died()) << "it was to be killed";
      ExpectNothingLost();
    }
    ++crashes;
    ASSERT_NO_FATAL_FAILURE(Recover(std::move(report), same_cycle));
    if (HasFailure()) return;
  }
  std::cout << GetParam().name << ": killed " << crashes << " times within " << longest << " microseconds, "
            << within << " of them in the cycle\n";
}

/// Leaves of each file in `folder` what was synced, which is in `durable`.
void LosePower(const std::string& folder, const std::string& durable) {
  namespace fs = std::filesystem;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) fs::remove(entry.path());
  }
  for (const auto& entry : fs::directory_iterator(durable)) {
    if (!entry.is_regular_file() || entry.path().string().ends_with("-shm")) continue;
    fs::copy_file(entry.path(), folder + "/" + entry.path().filename().string());
  }
}

TEST(PowerLossTest, WhatWasAcknowledgedIsThereBeforeAnybodyCatchesUp) {
  const auto here = Installation::Init({.bin_dir = BinDir(), .context_id = "Cust"}).value();
  const TempFolder durable;
  const std::string shim = durable.path() + "/bad_disk.so";
  std::filesystem::copy_file(ShimPath("bad_disk"), shim);
  std::filesystem::create_directory(durable.path() + "/data");
  // Never reached: the power is there until the server has acknowledged everything.
  std::vector<std::string> environment = {"LD_PRELOAD=" + shim, "MIRROR_DISK_FAULT=power:1000000000",
                                          absl::StrCat("MIRROR_DISK_PATH=", here->data_dir(), "/"),
                                          absl::StrCat("MIRROR_DISK_DURABLE=", durable.path(), "/data/")};
#if MIRROR_ADDRESS_SANITIZER
  environment.emplace_back("ASAN_OPTIONS=verify_asan_link_order=0");
#endif
  here->set_environment(environment);
  ASSERT_THAT(here->Start(), IsOk());
  FakeSource source;
  FillSource(source);
  RememberingCalls calls;
  calls.Use(here->Client().value());
  for (const auto& change :
       {std::function<void(FakeSource&)>([](FakeSource&) {}), std::function<void(FakeSource&)>(ChangeRows)}) {
    change(source);
    const FakeCycleReport report = source.RunCycle(calls, Options());
    ASSERT_TRUE(report.AllDone()) << report.Summary();
  }
  here->Kill();
  LosePower(here->data_dir(), durable.path() + "/data");
  ASSERT_FALSE(calls.durable().empty());
  const MirrorFile mirror = here->mirror();
  for (const auto& [table, lsn] : calls.durable()) EXPECT_GE(mirror.Lsn(table), lsn) << table;
  EXPECT_EQ(Difference(source, mirror), "");
  EXPECT_EQ(mirror.Value("PRAGMA integrity_check"), "ok");
}

/// What a server leaves that died while it made a mirror.
class HalfMadeTest : public testing::TestWithParam<std::string> {};

TEST_P(HalfMadeTest, AMirrorThatWasNeverFinishedIsMadeAtTheNextContact) {
  absl::StatusOr<std::unique_ptr<Installation>> here =
      Installation::Init({.bin_dir = BinDir(), .context_id = "Cust"});
  ASSERT_TRUE(here.ok()) << here.status();
  std::filesystem::create_directories((*here)->data_dir());
  WriteFileText((*here)->mirror_path(), "");
  if (!GetParam().empty()) {
    ASSERT_EQ((*here)->mirror().Execute(GetParam()), "");
  }
  ASSERT_THAT((*here)->Start(), IsOk());
  FakeSource source;
  FillSource(source);
  const FakeCycleReport report = source.RunCycle(*(*here)->Client().value());
  EXPECT_TRUE(report.AllDone()) << report.Summary();
  EXPECT_EQ(Difference(source, (*here)->mirror()), "");
}

INSTANTIATE_TEST_SUITE_P(State, HalfMadeTest,
                         testing::Values("", "PRAGMA journal_mode = WAL",
                                         "PRAGMA journal_mode = WAL; CREATE TABLE _mirror_tenant (context_id "
                                         "TEXT PRIMARY KEY); DROP TABLE _mirror_tenant"));

INSTANTIATE_TEST_SUITE_P(Scenario, CrashTest, testing::ValuesIn(Scenarios()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace mirror::crash_test
