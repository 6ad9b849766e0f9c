// A DBA changes the key of rows of the mirror's own, or removes them. Cycles go on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/server/tenant/servers_bench.h"

namespace mirror::edited_keys_test {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

constexpr char kSchema[] = "\"Mirror_Cust\".";

Position LineAt(std::int64_t lsn) { return {Lsn{lsn}, absl::StrCat("at ", lsn)}; }

/// What becomes of the rows of `people`, and of those that are of no table.
enum class Edit { kAnother, kLast, kSwapped, kRemoved };

std::string NameOf(Edit edit) {
  static const std::map<Edit, std::string> kNames = {{Edit::kAnother, "Another"},
                                                     {Edit::kLast, "Last"},
                                                     {Edit::kSwapped, "Swapped"},
                                                     {Edit::kRemoved, "Removed"}};
  return kNames.at(edit);
}

/// Rows of one kind.
struct Place {
  std::string table;
  std::string which = "true";
};

std::vector<Place> Places() {
  std::vector<Place> places = {
      {"\"Cust_mirroring\""}, {"_mirror_schema"}, {"_mirror_history"}, {"_mirror_journal"}};
  for (int kind = 1; kind <= 17; ++kind) places.push_back({"_mirror_state", absl::StrCat("kind = ", kind)});
  for (int kind = 1; kind <= 3; ++kind) places.push_back({"_mirror_receipts", absl::StrCat("kind = ", kind)});
  return places;
}

class EditedKeysOf : public ServersBench {
 protected:
  /// Rows of a table by their key: a name and an age.
  using State = std::map<std::int64_t, std::pair<std::string, std::int64_t>>;
  struct Table {
    State now;
    std::map<std::int64_t, State> at;  ///< By LSN.
  };

  void Start() {
    options_.tenant.journal.rules.push_back({.journal = true, .history = true});
    options_.tenant.freshness = {{.table = "people", .of_table = true, .target_ms = 60'000}};
    StartServers(2);
    Cycle(0, {"people", "pals", "gone"});
    Cycle(1);
    EXPECT_THAT(told_, IsEmpty());
    EXPECT_EQ(RowsOf("people"), SourceRowsOf("people"));
  }

  /// A whole cycle with changes. `within`: between two batches of each table.
  void Cycle(std::size_t server, const std::vector<std::string>& tables = {"people", "pals"},
             const std::function<void()>& within = {}) {
    told_.clear();
    server_ = server;
    SourceCalls& calls = At(server);
    std::vector<TableSchema> schemas;
    for (const std::string& name : tables) {
      schemas.push_back(People(name));
      calls.objects[name] = SourceObjects{.indexes = {{"by_name", false, {{"name"}}}}};
    }
    calls.Begin("holder", /*take_over=*/true);
    Change(tables);
    const auto answers = calls.Announce(schemas);
    if (!answers.ok()) return told_.push_back(answers.status().ToString());
    std::map<std::string, std::vector<BatchSpec>> sent;
    for (const TableAnswer& answer : *answers) {
      if (answer.wanted) sent[answer.table] = BatchesFor(answer.table, answer.position);
      if (!answer.wanted) told_.push_back(answer.reason);
    }
    for (auto& [table, batches] : sent) {
      if (!Send(table, batches.front())) batches.clear();
    }
    if (within) within();
    for (const auto& [table, batches] : sent) {
      for (std::size_t at = 1; at < batches.size() && Send(table, batches[at]);) ++at;
    }
    Complete();
  }

  /// As a DBA does it. `forgets`: as behind a change by another server, this one's memory does not count.
  /// Gives how many rows there were.
  std::int64_t Change(const Place& place, Edit edit, bool forgets) {
    const std::string table = kSchema + place.table;
    const std::int64_t rows = Ask(absl::StrCat("SELECT count(*) FROM ", table, " WHERE ", place.which,
                                               " AND table_key IN ('people', 'pals', '')"));
    const auto rename = [&](const std::string& from, const std::string& to) {
      const std::string moved = absl::StrCat(" WHERE ", place.which, " AND table_key = '");
      Do(absl::StrCat("DELETE FROM ", table, moved, to, "'; UPDATE ", table, " SET table_key = '", to, "'",
                      moved, from, "'"));
    };
    if (edit == Edit::kSwapped) {
      rename("people", "people, once");
      rename("pals", "people");
      rename("people, once", "pals");
    }
    for (const std::string& key : {std::string("people"), std::string()}) {
      if (edit == Edit::kAnother) rename(key, "another" + key);
      if (edit == Edit::kLast) rename(key, "zzz" + key);
      if (edit == Edit::kRemoved)
        Do(absl::StrCat("DELETE FROM ", table, " WHERE ", place.which, " AND table_key = '", key, "'"));
    }
    if (forgets)
      Do(absl::StrCat("UPDATE ", kSchema, "_mirror_tenant SET rev = rev + 1, state_rev = state_rev - 1"));
    return rows;
  }

  /// As partners read it: "1 Ada 36; 2 Grace 45".
  std::string RowsOf(const std::string& table) {
    const auto rows = connection_->Query(
        absl::StrCat(
            "SELECT coalesce(string_agg(id || ' ' || name || ' ' || age, '; ' ORDER BY id), '') FROM ",
            kSchema, table),
        {}, "");
    return rows.ok() ? rows->Text(0, 0) : rows.status().ToString();
  }
  std::string SourceRowsOf(const std::string& table) {
    return absl::StrJoin(source_[table].now, "; ", [](std::string* out, const auto& row) {
      absl::StrAppend(out, row.first, " ", row.second.first, " ", row.second.second);
    });
  }
  std::int64_t LastOfJournal() {
    return Ask(absl::StrCat("SELECT coalesce(max(number), 0) FROM ", kSchema, "_mirror_journal"));
  }

  std::vector<std::string> told_;  ///< Why something was not taken in the last cycle.

 private:
  void Change(const std::vector<std::string>& tables) {
    ++lsn_;
    for (const std::string& name : tables) {
      Table& table = source_[name];
      const std::string text = absl::StrCat(name, " ", lsn_);
      for (const std::int64_t id : {lsn_ % 5, std::int64_t{100}, std::int64_t{101}})
        table.now[id] = {text, lsn_};
      table.now.erase((lsn_ + 2) % 5);
      table.at[lsn_] = table.now;
    }
  }
  /// From where the mirror stands, or all rows. The last one commits.
  std::vector<BatchSpec> BatchesFor(const std::string& name, const Position& position) {
    const Table& table = source_[name];
    const auto before = table.at.find(position.lsn.value);
    const bool is_known = before != table.at.end() && position == LineAt(position.lsn.value);
    Rows first, last, gone;
    for (const auto& [id, row] : table.now) {
      if (is_known && before->second.contains(id) && before->second.at(id) == row) continue;
      (id == 101 ? last : first).push_back({id, row.first, row.second});
    }
    if (is_known) {
      for (const auto& [id, row] : before->second) {
        if (!table.now.contains(id)) gone.push_back({id});
      }
    }
    std::vector<BatchSpec> batches = {{.rows = first}};
    if (!gone.empty()) batches.push_back({.operation = Operation::kDelete, .rows = gone});
    batches.push_back({.rows = last});
    std::uint64_t seq = 0;
    for (BatchSpec& batch : batches) {
      batch.seq = ++seq;
      batch.target = LineAt(lsn_);
      batch.base_lsn = is_known ? position.lsn.value : -1;
    }
    if (!is_known) batches.front().populate = PopulateReason::kRequested;
    batches.back().commit = LineAt(lsn_);
    batches.back().source_ms = now();
    return batches;
  }
  bool Send(const std::string& table, const BatchSpec& batch) {
    const auto outcomes = At(server_).Apply(MakeBatch(People(table), batch));
    const absl::Status status = outcomes.ok() ? outcomes->front().status : outcomes.status();
    if (!status.ok()) told_.push_back(status.ToString());
    return status.ok();
  }
  void Complete() {
    std::vector<CompletedTable> tables;
    for (const char* const name : {"people", "pals"})
      tables.push_back({.table = name, .row_count = source_[name].now.size()});
    const auto completed = At(server_).Complete(tables);
    if (!completed.ok()) told_.push_back(completed.status().ToString());
  }

  std::size_t server_ = 0;  ///< Where the cycle goes on.
  std::int64_t lsn_ = 0;
  std::map<std::string, Table> source_;
};

class EditedKeys : public EditedKeysOf, public testing::WithParamInterface<std::tuple<Edit, bool>> {};
INSTANTIATE_TEST_SUITE_P(Rows, EditedKeys,
                         testing::Combine(testing::Values(Edit::kAnother, Edit::kLast, Edit::kSwapped,
                                                          Edit::kRemoved),
                                          testing::Bool()),
                         [](const auto& test) {
                           return absl::StrCat(NameOf(std::get<0>(test.param)),
                                               std::get<1>(test.param) ? "WithinACycle" : "Between");
                         });

TEST_P(EditedKeys, HealInTheNextCycles) {
  const Edit edit = std::get<0>(GetParam());
  const bool is_within = std::get<1>(GetParam());
  Start();
  bool forgets = is_within;
  for (const Place& place : Places()) {
    SCOPED_TRACE(absl::StrCat(place.table, " ", place.which, forgets ? ", read again" : ""));
    const std::int64_t last = LastOfJournal();
    std::int64_t changed = 0;
    const auto change = [&] { changed = Change(place, edit, forgets); };
    if (is_within) {
      Cycle(0, {"people", "pals"}, change);
    } else {
      change();
    }
    // Some are there within a cycle alone, or at no time here.
    if (changed == 0) continue;
    for (const std::size_t server : {1U, 0U}) Cycle(server);
    EXPECT_THAT(told_, IsEmpty());
    ASSERT_EQ(RowsOf("people"), SourceRowsOf("people"));
    ASSERT_EQ(RowsOf("pals"), SourceRowsOf("pals"));
    EXPECT_GT(LastOfJournal(), last);
    forgets = !forgets;
  }
  for (const char* const bad : {"mirror.damaged", "mirror.unavailable"})
    EXPECT_THAT(Kinds(), Not(Contains(bad)));
}

}  // namespace
}  // namespace mirror::edited_keys_test
