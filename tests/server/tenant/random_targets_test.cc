// Random cycles into tables that keep what is the partner's (preserve_target, deletes that are ignored or
// marked) and whose columns are left out, hashed or masked: after every call the mirror must hold what a
// model says, which is written from table.proto.
//
// MIRROR_TEST_SEED=n repeats a run, MIRROR_TEST_ROUNDS makes it longer, up to kRoundsMax; each round names
// its own seed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "certs/keyed_hash.h"
#include "server/plan/column_rules.h"
#include "server/store/live_rows.h"
#include "tests/server/tenant/tenant_bench.h"
#include "tests/support/cycle_model.h"

namespace mirror::random_targets_test {
namespace {

constexpr std::uint64_t kRounds = 20, kRoundsMax = 200, kCyclesOfRound = 8;
constexpr int kIds = 14;
const std::string kSecret(32, 's');

/// What a row of the mirror holds.
struct KeptRow {
  Row kept;  ///< Of the columns that are kept, as SQLite has them.
  bool owned = true;
  bool deleted = false;
  Cell mine;
  bool live() const { return owned && !deleted; }
};
using KeptRows = std::map<Cell, KeptRow>;  ///< By the key as it is kept.

struct Counts {
  int cycles = 0, populations = 0, died = 0, missed = 0, marked = 0, partners = 0;
};

/// One table at its source, and the model of it at the mirror.
struct Target {
  TableSchema schema;  ///< With the rules, as an endpoint has it.
  std::map<int, Row> rows, committed;
  std::map<int, std::set<std::uint32_t>> touched;  ///< Since the last commit: columns of each row.
  std::int64_t lsn = -1;
  KeptRows mirror;
  std::optional<KeptRows> shadow;
  bool there = false;     ///< The mirror has the table.
  bool has_mine = false;  ///< The partner added a column.
};

/// A server with one tenant of some tables of random kinds.
class TargetRound final : public TenantBench {
 public:
  TargetRound(std::uint64_t seed, Counts& counts) : dice_(seed), counts_(counts) {}
  void TestBody() override {}

  void Run() {
    MakeTargets();
    for (std::uint64_t i = 0; i < kCyclesOfRound && !HasFailure(); ++i) {
      for (Target& target : targets_) {
        for (std::uint64_t n = dice_.Below(7); n > 0; --n) ChangeSource(target);
        while (target.there && dice_.OneIn(2)) ActAsPartner(target);
      }
      if (dice_.OneIn(5)) Restart();
      ++counts_.cycles;
      Cycle();
    }
  }

 private:
  void MakeTargets() {
    options_.hash_secret = kSecret;
    options_.columns.hash_key = "key";
    for (int i = 0; i < 3; ++i) {
      Target& target = targets_.emplace_back();
      target.schema = NamedTable(absl::StrCat("t", i),
                                 {KeyColumn("id", Type::kInt64), PlainColumn("name", Type::kText),
                                  PlainColumn("note", Type::kText), PlainColumn("n", Type::kInt32)});
      target.schema.preserve_target = dice_.OneIn(2);
      constexpr Deletes kAll[] = {Deletes::kApply, Deletes::kIgnore, Deletes::kMark};
      target.schema.deletes = kAll[dice_.Below(3)];
      ColumnRuleBlock block{.table = target.schema.name};
      if (dice_.OneIn(3)) block.hash.emplace_back("id");
      for (const char* const column : {"name", "note", "n"}) {
        const std::uint64_t rule = dice_.Below(6);
        if (rule == 0) block.leave_out.emplace_back(column);
        if (rule == 1) block.hash.emplace_back(column);
        if (rule == 2) block.mask.emplace_back(column);
      }
      block.mask_keep = static_cast<std::uint32_t>(dice_.Below(4));
      options_.columns.blocks.push_back(std::move(block));
    }
    Restart();
    for (Target& target : targets_) ASSERT_THAT(tenant_->column_rules().Set(&target.schema), IsOk());
  }

  // --- The source

  Cell RandomText() {
    if (dice_.OneIn(6)) return {};
    std::string text;
    for (std::uint64_t n = dice_.Below(9); n > 0; --n) text += static_cast<char>('a' + dice_.Below(26));
    return text;
  }
  Cell RandomNumber() { return dice_.OneIn(6) ? Cell() : Cell(static_cast<int>(dice_.Below(5))); }

  void ChangeSource(Target& target) {
    const int id = static_cast<int>(dice_.Below(kIds));
    const auto found = target.rows.find(id);
    std::set<std::uint32_t>& touched = target.touched[id];
    if (found == target.rows.end()) {
      target.rows[id] = {id, RandomText(), RandomText(), RandomNumber()};
      touched = {1, 2, 3};
    } else if (dice_.OneIn(3)) {
      target.rows.erase(found);
      touched = {1, 2, 3};
    } else {
      for (std::uint32_t i = 1; i < 4; ++i) {
        if (dice_.OneIn(2)) continue;
        found->second[i] = i == 3 ? RandomNumber() : RandomText();
        touched.insert(i);
      }
    }
  }

  // --- The model

  /// What the endpoint keeps of a value; absent: nothing.
  static std::optional<Cell> Kept(const Column& column, const Cell& cell) {
    if (column.rule == Rule::kLeftOut) return std::nullopt;
    if (column.rule == Rule::kPlain || cell.kind == Kind::kNull) return cell;
    const bool text = cell.kind == Kind::kText;
    if (column.rule == Rule::kMasked) {
      const std::size_t keep = column.rule_detail;
      if (!text || cell.bytes.size() < 2 * keep) return Cell("****");
      return Cell("****" + cell.bytes.substr(cell.bytes.size() - keep));
    }
    std::string value = cell.bytes;
    for (int i = 0; !text && i < 8; ++i) value += static_cast<char>(cell.integer >> (8 * i));
    const TenantHashKey key(kSecret, "ctx");
    std::string hex;
    EXPECT_TRUE(KeyedHash(key).AppendHex(text ? 't' : 'i', value, &hex));
    return Cell(hex);
  }
  static Row KeptOf(const TableSchema& schema, const Row& row) {
    Row kept;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (const std::optional<Cell> cell = Kept(schema.columns[i], row[i])) kept.push_back(*cell);
    }
    return kept;
  }
  static void Upsert(const TableSchema& schema, const Row& row, KeptRows& rows) {
    Row kept = KeptOf(schema, row);
    KeptRow& there = rows[kept[0]];
    there.kept = std::move(kept);
    there.owned = true;
    there.deleted = false;
  }
  void Remove(const TableSchema& schema, const Cell& key, KeptRows& rows) {
    const auto found = rows.find(key);
    if (found == rows.end() || !found->second.live()) return;
    switch (schema.deletes) {
      case Deletes::kIgnore:
        found->second.owned = false;
        ++counts_.marked;
        break;
      case Deletes::kMark:
        found->second.deleted = true;
        ++counts_.marked;
        break;
      default:
        rows.erase(found);
    }
  }
  /// A population is done.
  void TakeShadow(Target& target) {
    const KeptRows shadow = *std::exchange(target.shadow, std::nullopt);
    if (!KeepsPartner(target.schema)) {
      target.mirror = shadow;
      return;
    }
    for (const auto& [key, row] : KeptRows(target.mirror)) {
      if (!shadow.contains(key)) Remove(target.schema, key, target.mirror);
    }
    for (const auto& [key, row] : shadow) {
      KeptRow& there = target.mirror[key];
      const Cell mine = there.mine;
      there = row;
      there.mine = mine;
    }
  }

  // --- The cycle

  struct Batch {
    Operation operation = Operation::kInsert;
    std::vector<std::uint32_t> columns;
    std::vector<int> ids;
  };

  void Cycle() {
    source_->now += 1'000;
    const absl::StatusOr<Admission> admission = source_->Authenticate("holder", true);
    ASSERT_THAT(admission, IsOk());
    ASSERT_TRUE(admission->accepted) << admission->reason;
    source_->cycle = admission->cycle;
    std::vector<TableSchema> tables;
    for (const Target& target : targets_) tables.push_back(target.schema);
    const auto answers = source_->Announce(tables);
    ASSERT_THAT(answers, IsOk());
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      Target& target = targets_[i];
      target.there = true;
      target.shadow.reset();
      ASSERT_EQ((*answers)[i].position.lsn, Lsn{target.lsn}) << target.schema.name;
    }
    std::vector<CompletedTable> summaries;
    for (Target& target : targets_) {
      bool died = false;
      ASSERT_NO_FATAL_FAILURE(SendTable(target, &died));
      if (HasFailure()) return;
      if (died) {
        ++counts_.died;
        return;
      }
      CompletedTable summary{.table = target.schema.name};
      summary.row_count = target.committed.size();
      summaries.push_back(summary);
    }
    const auto verdicts = source_->Complete(summaries);
    ASSERT_THAT(verdicts, IsOk());
    for (const TableVerdict& verdict : *verdicts) {
      EXPECT_EQ(verdict.comparison, Comparison::kEqual) << verdict.table << ": " << verdict.reason;
    }
  }

  void SendTable(Target& target, bool* died) {
    const bool populate = target.lsn < 0 || dice_.OneIn(5);
    if (populate) ++counts_.populations;
    std::deque<Batch> batches = populate ? Chunks(target) : Changes(target);
    batches.emplace_back();  // Without rows: it commits.
    const Position position{Lsn{++lsn_}, absl::StrCat("at ", lsn_)};
    const std::int64_t base = populate ? -1 : target.lsn;
    std::uint64_t seq = 0;
    while (!batches.empty()) {
      if (dice_.OneIn(30)) {
        *died = true;
        return;
      }
      Batch batch = std::move(batches.front());
      batches.pop_front();
      BatchSpec spec{.operation = batch.operation, .seq = ++seq, .base_lsn = base, .target = position};
      if (seq == 1 && populate) {
        spec.populate = PopulateReason::kRequested;
        target.shadow.emplace();
        target.lsn = -1;
      }
      if (batches.empty()) spec.commit = position;
      ASSERT_NO_FATAL_FAILURE(SendBatch(target, batch, spec));
      if (spec.commit) {
        if (target.shadow) TakeShadow(target);
        target.lsn = lsn_;
        target.committed = target.rows;
        target.touched.clear();
      }
      ASSERT_NO_FATAL_FAILURE(Check(target));
      if (HasFailure()) return;
    }
  }

  std::deque<Batch> Chunks(const Target& target) {
    std::deque<Batch> batches;
    for (const auto& [id, row] : target.rows) {
      if (batches.empty() || dice_.OneIn(4)) batches.push_back({Operation::kInsert, {0, 1, 2, 3}, {}});
      batches.back().ids.push_back(id);
    }
    return batches;
  }

  /// What changed since the last commit, whatever of it a cycle that died has applied.
  std::deque<Batch> Changes(const Target& target) {
    std::map<std::pair<Operation, std::vector<std::uint32_t>>, std::vector<int>> groups;
    // Where an endpoint keeps nothing but the key, an update has nothing to miss a row by.
    const bool told = std::any_of(target.schema.columns.begin() + 1, target.schema.columns.end(),
                                  [](const Column& column) { return column.rule != Rule::kLeftOut; });
    for (const auto& [id, touched] : target.touched) {
      const bool was = target.committed.contains(id);
      if (!target.rows.contains(id)) {
        groups[{Operation::kDelete, {0}}].push_back(id);
        continue;
      }
      // Some are taken for updates of rows that the mirror does not have.
      if (!told || dice_.OneIn(was ? 6 : 2) || (!was && !dice_.OneIn(4))) {
        groups[{Operation::kInsert, {0, 1, 2, 3}}].push_back(id);
        continue;
      }
      std::vector<std::uint32_t> columns = {0};
      for (std::uint32_t i = 1; i < 4; ++i) {
        if (touched.contains(i) || dice_.OneIn(4)) columns.push_back(i);
      }
      if (columns.size() > 1) groups[{Operation::kUpdate, columns}].push_back(id);
    }
    std::deque<Batch> batches;
    for (auto& [what, ids] : groups) batches.push_back({what.first, what.second, std::move(ids)});
    for (std::size_t i = batches.size(); i > 1; --i) std::swap(batches[i - 1], batches[dice_.Below(i)]);
    return batches;
  }

  Row RowOf(const Target& target, int id) const {
    const auto found = target.rows.find(id);
    return found == target.rows.end() ? Row{id} : found->second;
  }

  /// Sends it, corrects it where rows are missing, and writes it into the model.
  void SendBatch(Target& target, Batch batch, BatchSpec spec) {
    KeptRows& into = target.shadow ? *target.shadow : target.mirror;
    // Whatever is not wanted need not come.
    if (batch.operation == Operation::kInsert && dice_.OneIn(2)) {
      std::erase_if(batch.columns,
                    [&](std::uint32_t i) { return target.schema.columns[i].rule == Rule::kLeftOut; });
    }
    std::vector<std::uint32_t> missing;
    const bool changes = std::any_of(batch.columns.begin(), batch.columns.end(), [&](std::uint32_t i) {
      return i != 0 && target.schema.columns[i].rule != Rule::kLeftOut;
    });
    for (std::uint32_t i = 0; batch.operation == Operation::kUpdate && changes && i < batch.ids.size(); ++i) {
      const auto found = into.find(*Kept(target.schema.columns[0], batch.ids[i]));
      if (found == into.end() || !found->second.live()) missing.push_back(i);
    }
    BatchOutcome outcome = Exchange(target, batch, spec);
    if (!missing.empty()) {
      ++counts_.missed;
      EXPECT_EQ(outcome.status.code(), absl::StatusCode::kFailedPrecondition) << outcome.status;
      EXPECT_EQ(outcome.missing_rows, missing);
      ASSERT_NO_FATAL_FAILURE(Check(target));
      batch.operation = spec.operation = Operation::kInsert;
      batch.columns = {0, 1, 2, 3};
      outcome = Exchange(target, batch, spec);
    }
    ASSERT_THAT(outcome.status, IsOk()) << target.schema.name;
    for (const int id : batch.ids) {
      const Cell key = *Kept(target.schema.columns[0], id);
      if (batch.operation == Operation::kDelete) Remove(target.schema, key, into);
      if (batch.operation == Operation::kInsert) Upsert(target.schema, RowOf(target, id), into);
      // What changed of its columns is what the row has now; the others have not changed.
      if (batch.operation == Operation::kUpdate && changes) UpdateRow(target, batch, id, into.at(key));
    }
    if (!dice_.OneIn(6)) return;
    const BatchOutcome again = Exchange(target, batch, spec);
    EXPECT_THAT(again.status, IsOk());
    EXPECT_TRUE(again.repeated);
  }

  void UpdateRow(const Target& target, const Batch& batch, int id, KeptRow& there) const {
    const Row row = RowOf(target, id);
    std::size_t place = 0;
    for (std::uint32_t i = 0; i < 4; ++i) {
      const std::optional<Cell> kept = Kept(target.schema.columns[i], row[i]);
      if (!kept) continue;
      if (std::find(batch.columns.begin(), batch.columns.end(), i) != batch.columns.end()) {
        there.kept[place] = *kept;
      }
      ++place;
    }
  }

  /// As the endpoint does with a message.
  BatchOutcome Exchange(const Target& target, const Batch& batch, BatchSpec spec) {
    const absl::StatusOr<AgreedTable> agreed = tenant_->Agreed(source_->caller, target.schema.name, "");
    if (!agreed.ok()) return {.status = agreed.status()};
    for (const std::uint32_t i : batch.columns) spec.columns.push_back(target.schema.columns[i].name);
    for (const int id : batch.ids) {
      const Row row = RowOf(target, id);
      Row& sent = spec.rows.emplace_back();
      for (const std::uint32_t i : batch.columns) sent.push_back(row[i]);
    }
    TestBatch made = MakeBatch(*agreed->schema, spec);
    RuledValues values;
    if (made.batch.ok()) {
      absl::Status ruled = ApplyRules(*agreed->schema, *agreed->kept, tenant_->column_rules().hash_key(),
                                      &*made.batch, &values);
      if (!ruled.ok()) made.batch = std::move(ruled);
    }
    RowRequest request;
    request.cycle = source_->cycle;
    request.batches.push_back({target.schema.name, spec.seq, agreed->kept, made.batch, agreed->hash});
    const auto outcomes = tenant_->Apply(source_->caller, request, false, source_->now);
    return outcomes.ok() ? outcomes->front() : BatchOutcome{.status = outcomes.status()};
  }

  // --- The partner

  void ActAsPartner(Target& target) {
    ++counts_.partners;
    const std::string name = QuoteName(target.schema.name);
    const bool hashed = target.schema.columns[0].rule == Rule::kHashed;
    if (target.schema.preserve_target && !target.has_mine) {
      ByHand(absl::StrCat("ALTER TABLE ", name, " ADD COLUMN mine TEXT"));
      target.has_mine = true;
      return;
    }
    if (target.has_mine && !target.mirror.empty() && dice_.OneIn(2)) {
      auto& [key, row] = dice_.Pick(target.mirror);
      const std::string text = absl::StrCat("mine ", ++texts_);
      ByHand(absl::StrCat("UPDATE ", name, " SET mine = '", text, "' WHERE id = ", SqlOf(key)));
      row.mine = text;
      return;
    }
    // A row of theirs; where the mirror has no mark for it, it is nobody else's than the source's.
    if (!HasOwned(target.schema)) return;
    const int number = static_cast<int>(dice_.Below(2 * kIds));
    const Cell key = hashed ? Cell(absl::StrCat("theirs ", number)) : Cell(number);
    if (target.mirror.contains(key)) return;
    ByHand(absl::StrCat("INSERT INTO ", name, " (id) VALUES (", SqlOf(key), ")"));
    KeptRow& row = target.mirror[key];
    row.kept.resize(KeptForm(target.schema).columns.size());
    row.kept[0] = key;
    row.owned = false;
  }
  static std::string SqlOf(const Cell& key) {
    return key.kind == Kind::kInteger ? absl::StrCat(key.integer) : absl::StrCat("'", key.bytes, "'");
  }

  /// The mirror is what the model says.
  void Check(const Target& target) {
    std::vector<std::string> columns;
    for (const Column& column : KeptForm(target.schema).columns) columns.push_back(QuoteName(column.name));
    columns.push_back(HasOwned(target.schema) ? absl::StrCat(kOwnedColumn, " IS 1") : "1");
    columns.push_back(HasDeletedAt(target.schema) ? absl::StrCat(kDeletedAtColumn, " IS NOT NULL") : "0");
    columns.push_back(target.has_mine ? "mine" : "NULL");
    Partner partner(path(), true);
    const std::string name = target.schema.name;
    Rows expected;
    std::int64_t live = 0;
    for (const auto& [key, row] : target.mirror) {
      Row& all = expected.emplace_back(row.kept);
      all.emplace_back(row.owned ? 1 : 0);
      all.emplace_back(row.deleted ? 1 : 0);
      all.push_back(row.mine);
      live += row.live() ? 1 : 0;
    }
    ASSERT_EQ(Sorted(partner.Ask(absl::StrCat("SELECT ", absl::StrJoin(columns, ", "), " FROM ", name))),
              Sorted(expected))
        << name;
    ASSERT_EQ(Metadata("row_count", name), Cell(live)) << name;
    ASSERT_EQ(Metadata("lsn", name), Cell(target.lsn)) << name;
  }

  model::Dice dice_;
  Counts& counts_;
  std::vector<Target> targets_;
  std::int64_t lsn_ = 0;
  int texts_ = 0;
};

TEST(RandomTargetsTest, WhatIsKeptAndWhatIsNotIsAsTheTableAndItsColumnsSay) {
  const std::uint64_t seed = TestSeed();
  const std::uint64_t rounds = std::min(kRoundsMax, FromEnvironment("MIRROR_TEST_ROUNDS", kRounds));
  Counts counts;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    SCOPED_TRACE(absl::StrCat("repeat with MIRROR_TEST_SEED=", seed + i, " MIRROR_TEST_ROUNDS=1"));
    TargetRound round(seed + i, counts);
    round.Run();
    if (testing::Test::HasFailure()) return;
  }
  std::cout << counts.cycles << " cycles, " << counts.died << " of them died, " << counts.populations
            << " populations, " << counts.missed << " batches of missing rows, " << counts.marked
            << " rows ignored or marked, " << counts.partners << " acts of the partner\n";
  // A run of some length has met all of it.
  if (rounds < kRounds) return;
  for (const int count : {counts.died, counts.populations, counts.missed, counts.marked, counts.partners}) {
    EXPECT_GT(count, 0);
  }
}

}  // namespace
}  // namespace mirror::random_targets_test
