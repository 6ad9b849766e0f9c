#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_JOBS_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_JOBS_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/folded_name.h"
#include "tests/server/tenant/cycles/play_mirror.h"

namespace mirror::model {

/// What a cycle means to do with one table.
struct Job {
  std::string name, key;  ///< As announced, and folded.
  std::vector<OutBatch> batches;
  std::size_t next = 0;
  bool failed = false;
  Position commit;
  StoredRows rows;  ///< Of the source, at the commit.
  std::optional<Lsn> advance_base;
  bool done() const { return failed || next == batches.size(); }
};

/// What the source's agent makes of what changed.
class PlayJobs : protected PlayMirror {
 protected:
  using PlayMirror::PlayMirror;

  PopulateReason WhyPopulate(const SourceTable& table, const TableAnswer& answer) {
    const Position& held = answer.position;
    if (held.lsn == Lsn{}) {
      return answer.action == SchemaAction::kRepopulate ? PopulateReason::kSchema : PopulateReason::kMinusOne;
    }
    if (held.lsn.value > source_.lsn) return PopulateReason::kAhead;
    if (!source_.Knows(held)) return PopulateReason::kLineageMiss;
    if (answer.pending && !source_.Knows(*answer.pending)) return PopulateReason::kPendingMiss;
    if (held.lsn.value < table.log_begins) return PopulateReason::kHistoryGone;
    if (!table.keyed() && (table.changed > held.lsn.value || answer.pending)) return PopulateReason::kKeyless;
    return dice_.OneIn(15) ? PopulateReason::kRequested : PopulateReason::kNone;
  }

  void PrepareTable(Job& job, const TableAnswer& answer) {
    SourceTable& table = source_.tables.at(job.key);
    const auto schema = std::make_shared<const TableSchema>(table.schema);
    const PopulateReason reason = WhyPopulate(table, answer);
    const auto add = [&](OutBatch batch) {
      batch.table = table.schema.name;
      batch.hash = answer.schema_hash;
      batch.schema = schema;
      batch.seq = job.batches.size() + 1;
      batch.base = reason == PopulateReason::kNone ? answer.position.lsn : Lsn{};
      batch.target = target_;
      if (batch.seq == 1) batch.populate = reason;
      job.batches.push_back(std::move(batch));
    };
    job.commit = target_;
    if (reason == PopulateReason::kNone) {
      std::vector<NetChange> changes = Source::Fold(table, answer.position.lsn.value);
      if (changes.empty() && !answer.pending && !dice_.OneIn(8)) {
        if (!dice_.OneIn(4)) job.advance_base = answer.position.lsn;
        return;
      }
      ++world_.counts().increments;
      AddChanges(table, changes, add);
    } else {
      ++world_.counts().populations;
      const std::int64_t begin = source_.lsn;
      AddChunks(table, add);
      // What changed while the chunks were read, in one last snapshot with a position of its own.
      if (table.keyed()) {
        AddChanges(table, Source::Fold(table, begin), add);
        if (source_.lsn != begin) job.commit = source_.Record(dice_);
      }
    }
    job.rows = table.Rows();
    const bool bare = job.batches.empty() || dice_.OneIn(4);
    if (bare) add(OutBatch());
    job.batches.back().commit = CommitMark{job.batches.size(), job.commit};
  }

  template <typename Add>
  void AddChunks(SourceTable& table, const Add& add) {
    std::vector<std::uint32_t> all(table.schema.columns.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    if (dice_.OneIn(3) || table.rows.empty()) add(OutBatch());  // As Wipe does: begins, without a row.
    std::string last;
    for (;;) {
      OutBatch batch;
      batch.columns = all;
      auto row = last.empty() ? table.rows.begin() : table.rows.upper_bound(last);
      for (std::size_t n = 1 + dice_.Below(8); n > 0 && row != table.rows.end(); --n, ++row) {
        last = row->first;
        batch.rows.push_back(row->second);
      }
      if (batch.rows.empty()) return;
      if (dice_.OneIn(2)) dice_.Shuffle(batch.rows);
      add(std::move(batch));
      if (table.keyed() && dice_.OneIn(3)) source_.ChangeRows(dice_, table);
    }
  }

  template <typename Add>
  void AddChanges(const SourceTable& table, std::vector<NetChange> changes, const Add& add) {
    const TableSchema& schema = table.schema;
    struct Values {
      Row sent, whole;
    };
    std::map<std::pair<int, std::vector<std::uint32_t>>, std::vector<Values>> groups;
    const bool all_columns = dice_.OneIn(4);
    dice_.Shuffle(changes);
    for (const NetChange& change : changes) {
      std::vector<std::uint32_t> columns = schema.Key();
      NetChange::Kind kind = change.kind;
      if (kind == NetChange::kUpdate && dice_.OneIn(8)) kind = NetChange::kInsert;  // An upsert will do.
      // A change that the log took for an update: the endpoint will miss the row.
      if (kind == NetChange::kInsert && schema.columns.size() > columns.size() && dice_.OneIn(12)) {
        kind = NetChange::kUpdate;
      }
      for (std::uint32_t i = 0; i < schema.columns.size() && kind != NetChange::kDelete; ++i) {
        const bool touched = change.kind == NetChange::kInsert || change.touched.contains(table.uids[i]);
        if (schema.columns[i].key_position == 0 && (touched || all_columns || kind == NetChange::kInsert)) {
          columns.push_back(i);
        }
      }
      if (kind == NetChange::kUpdate && columns.size() == schema.Key().size()) continue;
      if (kind == NetChange::kInsert) std::sort(columns.begin(), columns.end());
      Values values;
      if (kind == NetChange::kDelete) {
        values.sent = change.key_cells;
      } else {
        values.whole = table.rows.at(change.key);
        for (const std::uint32_t i : columns) values.sent.push_back(values.whole[i]);
      }
      groups[{kind, columns}].push_back(std::move(values));
    }
    std::vector<OutBatch> batches;
    for (auto& [what, rows] : groups) {
      while (!rows.empty()) {
        OutBatch batch;
        batch.operation = what.first == NetChange::kInsert   ? Operation::kInsert
                          : what.first == NetChange::kUpdate ? Operation::kUpdate
                                                             : Operation::kDelete;
        batch.columns = what.second;
        for (std::size_t n = 1 + dice_.Below(6); n > 0 && !rows.empty(); --n) {
          batch.rows.push_back(std::move(rows.back().sent));
          batch.whole_rows.push_back(std::move(rows.back().whole));
          rows.pop_back();
        }
        batches.push_back(std::move(batch));
      }
    }
    dice_.Shuffle(batches);
    for (OutBatch& batch : batches) add(std::move(batch));
  }

  /// Lets some values of a batch travel in parts.
  void PutInParts(OutBatch& batch) {
    for (std::size_t r = 0; r < batch.rows.size(); ++r) {
      for (std::size_t c = 0; c < batch.columns.size(); ++c) {
        const Column& column = batch.schema->columns[batch.columns[c]];
        const Cell& cell = batch.rows[r][c];
        const bool may =
            column.key_position == 0 && !cell.bytes.empty() &&
            (column.type == Type::kText || column.type == Type::kBytes || column.type == Type::kAny);
        if (may && !batch.large.contains({r, c}) && dice_.OneIn(12)) batch.large[{r, c}] = ++value_ids_;
      }
    }
  }

  void AddParts(const OutBatch& batch, Request& request) {
    for (const auto& [place, value_id] : batch.large) {
      const std::string& bytes = batch.rows[place.first][place.second].bytes;
      for (std::size_t offset = 0; offset < bytes.size();) {
        const std::size_t size = 1 + dice_.Below(bytes.size() - offset);
        request.parts.push_back({batch.table, value_id, offset, bytes.substr(offset, size)});
        offset += size;
      }
    }
  }

  /// Rows that the mirror does not have go as INSERT.
  void InsertMissing(Job& job, const std::vector<std::uint32_t>& missing) {
    ++world_.counts().refusals;
    OutBatch& refused = job.batches[job.next];
    if (dice_.OneIn(2)) {  // All rows of the batch whole, under the same number.
      refused.operation = Operation::kInsert;
      refused.rows = refused.whole_rows;
      refused.large.clear();
      refused.columns.resize(refused.schema->columns.size());
      for (std::uint32_t i = 0; i < refused.columns.size(); ++i) refused.columns[i] = i;
      return;
    }
    // The same batch without them, then those. That numbers on: what was sent under these numbers before must
    // not come again.
    std::erase_if(history_, [&](const Request& request) {
      return std::any_of(request.batches.begin(), request.batches.end(), [&](const OutBatch& batch) {
        return FoldName(batch.table) == job.key && batch.seq >= refused.seq;
      });
    });
    OutBatch insert = refused;
    insert.operation = Operation::kInsert;
    insert.rows.clear();
    insert.large.clear();
    insert.populate = PopulateReason::kNone;
    insert.columns.resize(refused.schema->columns.size());
    for (std::uint32_t i = 0; i < insert.columns.size(); ++i) insert.columns[i] = i;
    OutBatch rest = refused;
    rest.large.clear();
    rest.rows.clear();
    rest.whole_rows.clear();
    const std::set<std::uint32_t> gone(missing.begin(), missing.end());
    for (std::uint32_t r = 0; r < refused.rows.size(); ++r) {
      if (!gone.contains(r)) {
        rest.rows.push_back(refused.rows[r]);
        rest.whole_rows.push_back(refused.whole_rows[r]);
        continue;
      }
      insert.rows.push_back(refused.whole_rows[r]);
    }
    rest.commit.reset();
    std::vector<OutBatch> instead;
    // A batch without rows may only stand where it commits or begins.
    if (!rest.rows.empty() || rest.populate != PopulateReason::kNone) instead.push_back(rest);
    instead.push_back(insert);
    job.batches.erase(job.batches.begin() + static_cast<std::ptrdiff_t>(job.next));
    job.batches.insert(job.batches.begin() + static_cast<std::ptrdiff_t>(job.next), instead.begin(),
                       instead.end());
    for (std::size_t i = job.next; i < job.batches.size(); ++i) job.batches[i].seq = i + 1;
    if (job.batches.back().commit) job.batches.back().commit->batches = job.batches.size();
  }

  OutBatch Spoilt(OutBatch batch) {
    std::vector<Spoil> can = {Spoil::kHash, Spoil::kBase};
    if (batch.commit) can.push_back(Spoil::kCommit);
    if (!batch.rows.empty()) {
      can.insert(can.end(), {Spoil::kRowCount, Spoil::kColumn, Spoil::kLengths});
      const std::vector<std::uint32_t> key = batch.schema->Key();
      if (!key.empty()) can.insert(can.end(), {Spoil::kTwice, Spoil::kNull});
    }
    batch.spoil = dice_.Pick(can);
    if (batch.spoil == Spoil::kTwice) batch.rows.push_back(batch.rows.front());
    if (batch.spoil == Spoil::kNull) {
      const std::uint32_t key = batch.schema->Key()[0];
      const auto place = std::find(batch.columns.begin(), batch.columns.end(), key) - batch.columns.begin();
      batch.rows.back()[static_cast<std::size_t>(place)] = {};
    }
    return batch;
  }
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_PLAY_JOBS_H_
