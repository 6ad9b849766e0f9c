#ifndef MIRROR_TESTS_CLIENT_SOURCE_SERVER_LOG_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_SERVER_LOG_SOURCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/reader.h"
#include "client/source/source_log.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// A table of a mirror, as cycles brought it there.
struct MirroredTable {
  std::map<std::string, std::vector<std::string>> rows;  ///< By key; each by the source's columns.
  std::vector<std::uint64_t> columns;                    ///< Their ids.
  Position position;
  std::optional<Position> confirmed;
  std::string action;  ///< Of the last cycle: populate, changes, compare, nothing; or why it failed.
  std::string words;
};

/// A mirror that takes what is found in the log of a server's database by the rules of the wire: an update
/// finds its row.
class ServerLogTest : public testing::Test {
 protected:
  /// What a process of the agent does before its first cycle: opens the log, and `reader_` with it.
  virtual absl::Status Open() = 0;
  virtual SourceLog& log() = 0;
  /// One that follows nothing.
  virtual std::unique_ptr<SourceReader> OtherReader() = 0;
  /// Behind the look of a cycle.
  virtual absl::Status Hold() = 0;
  /// What a mirror makes of another definition.
  virtual void Realign(const TableSchema& /*schema*/, MirroredTable& /*mirrored*/) {}

  /// A run of the agent's. What it did with each table is in `mirror_`.
  absl::Status TryCycle() {
    notes_.clear();
    if (absl::Status opened = Open(); !opened.ok()) return opened;
    for (int repeat = 0;; ++repeat) {
      if (absl::Status looked = Look(); !looked.ok()) return looked;
      if (absl::Status held = Hold(); !held.ok()) return held;
      bool again = false;
      for (const SourceTable& table : schema_.tables) {
        const absl::Status sent = Send(table);
        MirroredTable& mirrored = mirror_[table.schema.name];
        if (absl::IsAborted(sent) && repeat < 3) {
          again = true;
          continue;
        }
        if (!sent.ok()) mirrored.action = std::string(sent.message());
      }
      reader_->LeaveMoment();
      if (!again) break;
    }
    std::map<std::string, Position> durable;
    for (auto& [name, table] : mirror_) {
      if (table.position.lsn.value < 0) continue;
      durable[name] = table.position;
      table.confirmed = table.position;
    }
    return log().Forget(durable);
  }
  void Cycle() { ASSERT_THAT(TryCycle(), IsOk()); }
  void ExpectEqual() {
    // Who looks later than the cycle, by a reader that follows nothing.
    const auto reader = OtherReader();
    const auto schema = reader->Schema();
    ASSERT_THAT(schema, IsOk());
    for (const SourceTable& table : schema->tables) {
      const ReadTable read = ReadAll(*reader, table.schema);
      ASSERT_THAT(read.status, IsOk());
      std::map<std::string, std::vector<std::string>> rows;
      for (const auto& row : read.rows) rows[KeyOf(table.schema, row)] = row;
      const MirroredTable& mirrored = mirror_[table.schema.name];
      EXPECT_EQ(mirrored.rows.size(), rows.size()) << table.schema.name;
      for (const auto& [key, row] : rows) {
        const auto found = mirrored.rows.find(key);
        if (found == mirrored.rows.end()) {
          ADD_FAILURE() << table.schema.name << " lacks " << key;
        } else {
          // Short, for rows may be long.
          EXPECT_TRUE(found->second == row)
              << table.schema.name << " " << key << ": " << absl::StrJoin(found->second, ", ").substr(0, 200)
              << " and not " << absl::StrJoin(row, ", ").substr(0, 200);
        }
      }
      for (const auto& [key, row] : mirrored.rows)
        EXPECT_TRUE(rows.contains(key)) << table.schema.name << " has " << key;
    }
  }
  void CycleAndExpect(const std::string& table, const std::string& action) {
    Cycle();
    EXPECT_EQ(mirror_[table].action, action) << mirror_[table].words;
    ExpectEqual();
  }

  TempFolder folder_;
  std::unique_ptr<SourceReader> reader_;
  std::map<std::string, std::string> records_;
  SourceSchema schema_;
  std::map<std::string, MirroredTable> mirror_;
  std::map<std::string, Standing> standing_;
  std::vector<std::string> notes_;
  /// Called between the first rows of a population and the others.
  std::function<void()> amid_;
  /// Called behind the moment as of which a cycle reads, before anything is read.
  std::function<void()> behind_moment_;

 private:
  static std::string KeyOf(const TableSchema& schema, const std::vector<std::string>& row) {
    std::string key;
    for (const std::uint32_t column : schema.Key()) absl::StrAppend(&key, row[column], "|");
    return key;
  }

  absl::Status Look() {
    for (int repeat = 0; repeat < 5; ++repeat) {
      if (absl::Status fresh = log().Refresh(); !fresh.ok()) return fresh;
      const auto names = reader_->TableNames();
      if (!names.ok()) return names.status();
      const auto news = log().Renew(*names);
      if (!news.ok()) return news.status();
      notes_.insert(notes_.end(), news->begin(), news->end());
      absl::StatusOr<SourceSchema> schema = reader_->Schema();
      if (!schema.ok()) return schema.status();
      schema_ = *std::move(schema);
      for (const SourceTable& table : schema_.tables) records_[table.schema.name] = table.record;
      if (std::all_of(schema_.tables.begin(), schema_.tables.end(),
                      [this](SourceTable& table) { return log().Complete(table.schema); }))
        return log().Bind(reader_->Mark()).status();
    }
    return absl::UnavailableError("it moves all the time");
  }

  absl::Status Send(const SourceTable& table) {
    const TableSchema& schema = table.schema;
    MirroredTable& mirrored = mirror_[schema.name];
    mirrored.words.clear();
    Realign(schema, mirrored);
    if (!table.problem.empty()) return absl::FailedPreconditionError(table.problem);
    bool compared = false;
    if (mirrored.position.lsn.value >= 0) {
      absl::StatusOr<Standing> standing = log().Judge(schema.name, mirrored.position);
      if (!standing.ok()) return standing.status();
      const bool own = mirrored.confirmed == mirrored.position;
      if (*standing == Standing::kGone || (*standing == Standing::kMiss && own)) {
        const absl::StatusOr<bool> adopted = log().Adopt(schema.name, mirrored.position);
        if (!adopted.ok()) return adopted.status();
        compared = *adopted;
        if (compared) standing = log().Judge(schema.name, mirrored.position);
        if (!standing.ok()) return standing.status();
      }
      mirrored.words = absl::StrCat("standing ", static_cast<int>(*standing));
      standing_[schema.name] = *standing;
      if (*standing == Standing::kKnown) {
        const auto changed = log().ChangedSince(schema.name, mirrored.position.lsn);
        if (!changed.ok()) return changed.status();
        mirrored.action = "nothing";
        if (!changed->value_or(true)) return absl::OkStatus();
        if (absl::Status sent = SendChanges(schema, mirrored, mirrored.position.lsn, false); !sent.ok())
          return sent;
        mirrored.action = compared ? "compare" : "changes";
        return compared ? Compare(schema, mirrored) : absl::OkStatus();
      }
    }
    return Populate(schema, mirrored);
  }

  absl::Status Populate(const TableSchema& schema, MirroredTable& mirrored) {
    const auto targets = log().Begin({schema.name}, 0);
    if (!targets.ok()) return targets.status();
    MirroredTable shadow;
    const auto rows = reader_->Read(schema.name, AllColumns(schema));
    if (!rows.ok()) return rows.status();
    for (bool more = true; more;) {
      RowBlock block = RowBlock::ForAll(schema);
      Pieces pieces;
      const absl::StatusOr<bool> next = (*rows)->Next({4'000, 1'000}, &block, &pieces);
      if (!next.ok()) return next.status();
      more = *next;
      if (absl::Status applied = Apply(schema, {Operation::kInsert, std::move(block)}, pieces, &shadow);
          !applied.ok())
        return applied;
      if (amid_) std::exchange(amid_, nullptr)();
    }
    if (absl::Status sent = SendChanges(schema, shadow, targets->at(schema.name).lsn, true); !sent.ok())
      return sent;
    mirrored.rows = std::move(shadow.rows);
    mirrored.position = shadow.position;
    mirrored.action = "populate";
    return absl::OkStatus();
  }

  absl::Status SendChanges(const TableSchema& schema, MirroredTable& mirrored, Lsn from, bool whole) {
    const auto changes = reader_->Changes(schema.name, from, AllColumns(schema), whole, false, {});
    if (!changes.ok()) return changes.status();
    for (bool last = false; !last;) {
      Pieces pieces;
      absl::StatusOr<ChangePiece> piece = (*changes)->Next({4'000, 100}, &pieces);
      if (!piece.ok()) return piece.status();
      last = piece->last;
      for (ChangeBlock& block : piece->blocks) {
        if (absl::Status applied = Apply(schema, std::move(block), pieces, &mirrored); !applied.ok())
          return applied;
      }
      if (last) mirrored.position = piece->target;
    }
    return absl::OkStatus();
  }

  static absl::Status Apply(const TableSchema& schema, ChangeBlock block, const Pieces& /*pieces*/,
                            MirroredTable* mirrored) {
    std::vector<std::vector<std::string>> rows;
    AppendRows(block.rows, &rows);
    for (const std::vector<std::string>& row : rows) {
      std::vector<std::string> whole(schema.columns.size());
      for (std::size_t i = 0; i < row.size(); ++i) whole[block.rows.columns[i].column()] = row[i];
      const std::string key = KeyOf(schema, whole);
      if (block.operation == Operation::kDelete) {
        mirrored->rows.erase(key);
      } else if (block.operation == Operation::kInsert) {
        mirrored->rows[key] = whole;
      } else {
        const auto found = mirrored->rows.find(key);
        if (found == mirrored->rows.end())
          return absl::InternalError(absl::StrCat("an update of ", key, ", which the mirror does not have"));
        for (std::size_t i = 0; i < row.size(); ++i) found->second[block.rows.columns[i].column()] = row[i];
      }
    }
    return absl::OkStatus();
  }

  /// What a comparison finds is sent; here all rows are.
  absl::Status Compare(const TableSchema& schema, MirroredTable& mirrored) {
    const ReadTable read = ReadAll(*reader_, schema);
    if (!read.status.ok()) return read.status;
    mirrored.rows.clear();
    for (const auto& row : read.rows) mirrored.rows[KeyOf(schema, row)] = row;
    return absl::OkStatus();
  }
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_SERVER_LOG_SOURCE_H_
