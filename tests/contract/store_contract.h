#ifndef MIRROR_TESTS_CONTRACT_STORE_CONTRACT_H_
#define MIRROR_TESTS_CONTRACT_STORE_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/folded_name.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"
#include "tests/contract/backend.h"
#include "tests/contract/postgres_backend.h"
#include "tests/support/memory/memory_store.h"
#include "tests/support/postgres_server.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror {

class MemoryBackend final : public Backend {
 public:
  bool Can(Capability capability) const override {
    return capability == Capability::kVersionOfAll || capability == Capability::kEveryTable;
  }
  std::unique_ptr<Store> Open() override {
    return std::make_unique<MemoryStore>(mirror_, "ctx", kValueBytesMax);
  }
  Rows Visible(const TableSchema& table) override {
    const MemoryTable& held = mirror_->tables.at(FoldName(table.name));
    Rows rows;
    for (const Row& row : held.All()) {
      Row& out = rows.emplace_back();
      for (const Column& column : table.columns) out.push_back(row.at(held.schema.Find(column.name).value()));
    }
    return Sorted(rows);
  }
  void SetLsnByHand(const std::string& table, std::int64_t lsn) override {
    ASSERT_TRUE(mirror_->lock->Take());
    ChangeLsn(table, lsn);
  }
  bool TryLsnByHand(const std::string& table, std::int64_t lsn) override {
    const bool taken = mirror_->lock->TryToTake();
    if (taken) ChangeLsn(table, lsn);
    return taken;
  }
  void DeleteRecordByHand(const std::string& table) override {
    mirror_->records.erase(FoldName(table));
    ++mirror_->version;
  }
  std::vector<std::int64_t> Leftovers() override {
    std::int64_t parts = 0;
    for (const auto& [table, values] : mirror_->values) parts += static_cast<std::int64_t>(values.size());
    return {static_cast<std::int64_t>(mirror_->shadows.size()), parts,
            static_cast<std::int64_t>(mirror_->retired.size())};
  }

 private:
  void ChangeLsn(const std::string& table, std::int64_t lsn) {
    mirror_->records.at(FoldName(table)).position = Position{Lsn{lsn}, lsn < 0 ? "" : "by hand"};
    ++mirror_->version;
    mirror_->lock->Release();
  }

  std::shared_ptr<MemoryMirror> mirror_ = std::make_shared<MemoryMirror>();
};

class SqliteBackend final : public Backend {
 public:
  explicit SqliteBackend(ApplyMethod apply) : apply_(apply) {}
  bool Can(Capability) const override { return true; }
  std::unique_ptr<Store> Open() override {
    SqliteOptions options;
    options.value_bytes_max = kValueBytesMax;
    options.apply = apply_;
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(folder_.path(), "ctx", true, options);
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }
  Rows Visible(const TableSchema& table) override { return ReadMirror(Path(), table); }
  void SetLsnByHand(const std::string& table, std::int64_t lsn) override {
    Partner(Path()).Run(LsnByHand(table, lsn));
  }
  bool TryLsnByHand(const std::string& table, std::int64_t lsn) override {
    try {
      Partner(Path()).Run("PRAGMA busy_timeout = 0; " + LsnByHand(table, lsn));
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("locked"));
      return false;
    }
    return true;
  }
  void DeleteRecordByHand(const std::string& table) override {
    Partner(Path()).Run("DELETE FROM ctx_mirroring WHERE table_name = '" + table + "'");
  }
  std::vector<std::int64_t> Leftovers() override {
    Partner partner(Path());
    const auto tables = [&](const std::string& like) {
      return partner
          .One("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE '" + like + "'")
          .integer;
    };
    return {
        tables("_mirror_shadow_%"),
        partner.One("SELECT count(*) FROM (SELECT DISTINCT table_name, value_id FROM _mirror_parts)").integer,
        tables("_mirror_dropped_%")};
  }
  Rows See(const std::string& sql) override { return Partner(Path()).Ask(sql); }
  std::vector<std::string> IndexesOf(const std::string& table) override {
    std::vector<std::string> names;
    for (const Row& row : See("SELECT name FROM pragma_index_list('" + table + "') ORDER BY name")) {
      names.push_back(row[0].bytes);
    }
    return names;
  }
  bool IsWhole() override {
    return See("PRAGMA integrity_check") == Rows{{"ok"}} && See("PRAGMA foreign_key_check").empty();
  }
  std::string Path() override { return SqlitePath(folder_.path(), "ctx"); }

 private:
  static std::string LsnByHand(const std::string& table, std::int64_t lsn) {
    return "UPDATE ctx_mirroring SET lineage = CASE WHEN " + std::to_string(lsn) +
           " < 0 THEN lineage ELSE 'by hand' END, lsn = " + std::to_string(lsn) + " WHERE table_name = '" +
           table + "'";
  }

  const ApplyMethod apply_;
  ScratchFolder folder_;
};

struct BackendKind {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

inline void PrintTo(const BackendKind& kind, std::ostream* out) { *out << kind.name; }

inline std::vector<BackendKind> EveryBackend() {
  return {{"Memory", [] { return std::make_unique<MemoryBackend>(); }},
          {"SqliteLoop", [] { return std::make_unique<SqliteBackend>(ApplyMethod::kBindLoop); }},
          {"SqliteSet", [] { return std::make_unique<SqliteBackend>(ApplyMethod::kSet); }},
          {"Postgres", [] { return std::make_unique<PostgresBackend>(); }}};
}

inline bool HasAnyInKey(const TableSchema& table) {
  return std::any_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
    return column.type == Type::kAny && column.key_position != 0;
  });
}

/// A store with a running cycle, and words for what tests do with it.
class StoreContract : public testing::TestWithParam<BackendKind> {
 protected:
  /// `needs`: what all tests of the suite ask of a store.
  explicit StoreContract(std::optional<Capability> needs = std::nullopt) : needs_(needs) {}

  void SetUp() override {
    if (GetParam().name == "Postgres" && !PostgresBackend::IsOnCluster()) SKIP_WITHOUT_POSTGRES();
    backend_ = GetParam().make();
    if (needs_ && Lacks(*needs_)) GTEST_SKIP() << ToString(*needs_);
    store_ = backend_->Open();
    ASSERT_NE(store_, nullptr);
    Begin(kCycle);
  }

  bool Lacks(Capability capability) const { return !backend_->Can(capability); }
  /// Of a table that only stores with kEveryTable keep: whether this one is another, and says so.
  bool Refuses(const TableSchema& table) {
    if (!Lacks(Capability::kEveryTable)) return false;
    EXPECT_THAT(store_->CheckTable(table), StatusIs(absl::StatusCode::kInvalidArgument));
    return true;
  }

  void Reopen() {
    store_.reset();
    store_ = backend_->Open();
  }

  TenantRecord Tenant() { return store_->records().ReadTenant().value(); }
  std::optional<TableRecord> Record(const std::string& table) {
    return store_->records().ReadTable(table).value();
  }
  Lsn LsnOf(const std::string& table) { return Record(table).value().position.lsn; }

  void Begin(std::int64_t cycle) {
    Plan plan;
    plan.now_ms = kNow;
    plan.tenant = Tenant();
    plan.tenant->cycle = cycle;
    plan.tenant->active = true;
    plan.tenant->progress_ms = kNow;
    plan.forget_old_cycles = true;
    ASSERT_THAT(store_->Commit(plan), IsOk());
  }

  /// As after TableSchema.
  void Untouch() {
    Plan plan;
    plan.tenant = Tenant();
    plan.tenant->touched = false;
    ASSERT_THAT(store_->Commit(plan), IsOk());
    ASSERT_FALSE(Tenant().touched);
  }

  static Plan InCycle(std::vector<Step> steps, std::int64_t cycle = kCycle) {
    Plan plan;
    plan.cycle = cycle;
    plan.now_ms = kNow;
    plan.steps = std::move(steps);
    return plan;
  }

  /// The outcome of one step in the running cycle.
  StepResult Run(Step step) {
    absl::StatusOr<CommitResult> result = store_->Commit(InCycle({std::move(step)}));
    EXPECT_THAT(result, IsOk());
    if (!result.ok()) return {result.status(), false, {}, {}, false, {}};
    if (result->steps.size() != 1)
      return {absl::InternalError("one result was expected"), false, {}, {}, false, {}};
    return result->steps.front();
  }

  /// A step from the present record to the same at `seq`.
  Step StepAt(const std::string& table, std::uint64_t seq, std::vector<Action> actions = {}) {
    Step step;
    step.table = table;
    step.expected = Record(table);
    step.record = step.expected.value_or(TableRecord{});
    step.record->table = table;
    step.record->seq = seq;
    step.record->cycle = kCycle;
    step.actions = std::move(actions);
    return step;
  }

  void Create(const TableSchema& table) {
    Step step = StepAt(table.name, 0, {CreateTable{table}, AgreeSchema{table}});
    step.record->schema_hash = SchemaHash(table);
    ASSERT_THAT(Run(std::move(step)).status, IsOk());
  }

  /// The rows of `spec` in the visible table, or in the shadow.
  StepResult Write(const TableSchema& table, const BatchSpec& spec, bool into_shadow = false) {
    const TestBatch made = MakeBatch(table, spec);
    EXPECT_THAT(made.batch, IsOk());
    if (!made.batch.ok()) return {made.batch.status(), false, {}, {}, false, {}};
    return Run(StepAt(table.name, Record(table.name).value_or(TableRecord{}).seq + 1,
                      {ApplyRows{made.schema.get(), &*made.batch, into_shadow, kCycle}}));
  }
  StepResult Write(const TableSchema& table, Operation operation, Rows rows,
                   std::vector<std::string> columns = {}) {
    BatchSpec spec;
    spec.operation = operation;
    spec.rows = std::move(rows);
    spec.columns = std::move(columns);
    return Write(table, spec);
  }
  StepResult Insert(const TableSchema& table, Rows rows) {
    return Write(table, Operation::kInsert, std::move(rows));
  }

  StepResult Part(const std::string& table, std::uint64_t id, std::uint64_t offset, std::string_view data,
                  std::int64_t cycle = kCycle) {
    return Run(StepAt(table, Record(table).value().seq, {KeepPart{cycle, id, offset, data}}));
  }

  Rows Visible(const TableSchema& table) { return backend_->Visible(table); }
  std::int64_t RowCount(const std::string& table) { return Record(table).value().row_count; }

  void Do(const std::string& sql) { backend_->Do(sql); }
  Rows See(const std::string& sql) { return backend_->See(sql); }
  void ExpectWhole() {
    EXPECT_TRUE(backend_->IsWhole());
    EXPECT_THAT(store_->upkeep().CheckIntegrity(), IsOk());
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Store> store_;

 private:
  const std::optional<Capability> needs_;
};

inline std::string NameOfBackend(const testing::TestParamInfo<BackendKind>& info) { return info.param.name; }

}  // namespace mirror

#endif  // MIRROR_TESTS_CONTRACT_STORE_CONTRACT_H_
