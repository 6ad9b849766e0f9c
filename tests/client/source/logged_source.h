#ifndef MIRROR_TESTS_CLIENT_SOURCE_LOGGED_SOURCE_H_
#define MIRROR_TESTS_CLIENT_SOURCE_LOGGED_SOURCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/utf8.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "client/wire/decision.h"
#include "proto/wire/codec.h"
#include "tests/client/source/source_database.h"
#include "tests/support/status_matchers.h"

namespace mirror {

/// Column to value, each as ShowKind has it.
using ModelRow = std::map<std::string, std::string>;

/// What a mirror holds of one table, as simple as it can be.
struct ModelTable {
  Position position, pending;
  TableSchema schema;
  std::multimap<std::string, ModelRow> rows;  ///< By key; without one all have the key "".
};

inline std::string KeyOf(const TableSchema& schema, const ModelRow& row) {
  std::string key;
  for (const std::uint32_t column : schema.Key()) {
    std::string value = row.at(schema.columns[column].name);
    if (value[0] == 'r') value[0] = 'i';  // 1 and 1.0 are one key to every store.
    absl::StrAppend(&key, value.size(), ":", value);
  }
  return key;
}

inline std::string ShowValue(sqlite3_stmt* row, int at) {
  const auto bytes = [&](const void* data) {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, at));
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
  };
  switch (sqlite3_column_type(row, at)) {
    case SQLITE_NULL:
      return "null";
    case SQLITE_INTEGER:
      return absl::StrCat("i:", sqlite3_column_int64(row, at));
    case SQLITE_FLOAT:
      return absl::StrCat("r:", sqlite3_column_double(row, at));
    case SQLITE_TEXT: {
      const std::string text = bytes(sqlite3_column_text(row, at));
      return ShowKind(CountUtf8(text) ? Kind::kText : Kind::kRawText, text);
    }
    default:
      return ShowKind(Kind::kBlob, bytes(sqlite3_column_blob(row, at)));
  }
}

/// Every row of a query; each as "column=value" joined, sorted.
inline std::vector<std::string> Ask(sqlite3* database, const std::string& sql) {
  std::vector<std::string> rows;
  sqlite3_stmt* query = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &query, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database) << "\n"
      << sql;
  while (sqlite3_step(query) == SQLITE_ROW) {
    std::string shown;
    for (int i = 0; i < sqlite3_column_count(query); ++i) {
      absl::StrAppend(&shown, sqlite3_column_name(query, i), "=", ShowValue(query, i), " ");
    }
    rows.push_back(std::move(shown));
  }
  sqlite3_finalize(query);
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// A source with a change log, an application that writes to it, and a model of its mirror that is kept the
/// way a cycle keeps one.
class LoggedSource : public testing::Test {
 protected:
  struct Sent {
    std::string action = "none";
    std::string words;
    int inserts = 0, updates = 0, deletes = 0, pieces = 0, values = 0;
    std::optional<Planned> planned = {};  ///< Of the first piece of changes.
    std::optional<std::uint64_t> rows_now = {};
  };

  void SetUp() override { app_ = std::make_unique<Application>(path_); }

  ChangeLogOptions Options() { return {path_, host_, retention_ms_, max_log_}; }

  /// Runs `sql`, makes the change log, and populates.
  void Start(const std::string& sql) {
    app_->Run(sql);
    const auto installed = ChangeLog::Install(Options());
    ASSERT_THAT(installed, IsOk());
    for (const auto& [table, sent] : Cycle()) EXPECT_EQ(sent.action, "populate") << table;
    ExpectEqual();
  }

  /// Opens everything anew, as each run of the agent does.
  void Open() {
    reader_.reset();
    log_.reset();
    auto log = ChangeLog::Open(Options());
    ASSERT_THAT(log, IsOk());
    ASSERT_NE(*log, nullptr);
    log_ = *std::move(log);
    reader_ = OpenSqliteReader({.path = path_, .skip = skip_, .records = records_, .log = log_.get()});
    Look();
  }

  /// Renews the log and looks at the source.
  void Look() {
    const auto names = reader_->TableNames();
    ASSERT_THAT(names, IsOk());
    auto news = log_->Renew(*names);
    ASSERT_THAT(news, IsOk());
    news_.insert(news_.end(), news->begin(), news->end());
    auto schema = reader_->Schema();
    ASSERT_THAT(schema, IsOk());
    tables_ = schema->tables;
    std::set<std::string> there;
    for (SourceTable& table : tables_) {
      EXPECT_TRUE(log_->Complete(table.schema)) << table.schema.name;
      records_[table.schema.name] = table.record;
      there.insert(table.schema.name);
      Announce(table.schema);
    }
    std::erase_if(model_, [&](const auto& entry) { return !there.contains(entry.first); });
  }

  /// What an endpoint does with a table's definition.
  void Announce(const TableSchema& schema) {
    ModelTable& table = model_[schema.name];
    const TableSchema old = std::exchange(table.schema, schema);
    std::vector<std::string> old_key, key;
    for (const std::uint32_t i : old.Key()) old_key.push_back(old.columns[i].name);
    for (const std::uint32_t i : schema.Key()) key.push_back(schema.columns[i].name);
    if (old_key != key) table.position = {};
    for (const Column& column : schema.columns) {
      const auto before = old.Find(column.name);
      if (before && old.columns[*before].type == Type::kAny && column.type != Type::kAny) table.position = {};
      if (before) continue;
      std::string value = "null";
      if (column.backfill == Backfill::kUnknown) table.position = {};
      if (column.backfill == Backfill::kDefault) {
        const Literal& literal = *column.default_value;
        if (const auto* integer = std::get_if<std::int64_t>(&literal)) value = absl::StrCat("i:", *integer);
        if (const auto* real = std::get_if<double>(&literal)) value = absl::StrCat("r:", *real);
        if (const auto* text = std::get_if<std::string>(&literal)) value = "t:" + *text;
      }
      for (auto& [row_key, row] : table.rows) row[column.name] = value;
    }
    for (auto& [row_key, row] : table.rows) {
      std::erase_if(row, [&](const auto& cell) { return !schema.Find(cell.first); });
    }
  }

  /// One whole cycle in which every table is brought to where the source is.
  std::map<std::string, Sent> Cycle() {
    std::map<std::string, Sent> all;
    Open();
    if (HasFatalFailure()) return all;
    const auto bound = log_->Bind({});
    EXPECT_THAT(bound, IsOk());
    if (bound.ok()) bound_ = *bound;
    for (int repeat = 0; repeat < 4; ++repeat) {
      bool again = false;
      for (const SourceTable& table : tables_) {
        Sent sent;
        const absl::Status status = SendTable(table.schema.name, &sent);
        if (absl::IsAborted(status)) {
          again = true;
          aborted_.push_back(std::string(status.message()));
        } else {
          EXPECT_THAT(status, IsOk());
        }
        if (sent.action != "none" || repeat == 0) all[table.schema.name] = sent;
      }
      if (!again) break;
      EXPECT_LT(repeat, 3) << "it is aborted each time";
      Look();
    }
    Forget();
    return all;
  }

  void Forget() {
    std::map<std::string, Position> durable;
    for (const auto& [name, table] : model_) {
      if (table.position.lsn.value >= 0) durable[name] = table.position;
    }
    EXPECT_THAT(log_->Forget(durable), IsOk());
  }

  absl::StatusOr<Decision> DecideOn(const std::string& name) {
    ModelTable& table = model_[name];
    v1::TableStatus status;
    EncodePosition(table.position, status.mutable_position());
    if (!table.pending.lineage.empty()) EncodePosition(table.pending, status.mutable_pending());
    status.set_row_count(static_cast<std::int64_t>(table.rows.size()));
    return Decide(*log_, *reader_, table.schema, status, false);
  }

  /// `stop_after` pieces the cycle dies; -1: never.
  absl::Status SendTable(const std::string& name, Sent* sent, int stop_after = -1) {
    ModelTable& table = model_[name];
    const absl::StatusOr<Decision> decision = DecideOn(name);
    if (!decision.ok()) return decision.status();
    sent->words = decision->words;
    if (decision->kind == Decision::Kind::kNothing) return absl::OkStatus();
    const auto targets = log_->Begin({name}, 0);
    if (!targets.ok()) return targets.status();
    Position target = targets->at(name);
    if (between_) between_();
    const bool whole = decision->kind == Decision::Kind::kPopulate;
    sent->action = whole ? "populate" : "changes";
    ModelTable shadow = table;
    ModelTable* into = &table;
    Lsn from = table.position.lsn;
    if (whole) {
      from = target.lsn;
      into = &shadow;
      shadow.rows.clear();
      const auto rows = reader_->Read(name, AllColumns(table.schema));
      if (!rows.ok()) return rows.status();
      for (bool more = true; more;) {
        if (sent->pieces++ == stop_after) return absl::OkStatus();
        ChangeBlock block{Operation::kInsert, RowBlock::ForAll(table.schema)};
        Pieces pieces;
        const absl::StatusOr<bool> next = (*rows)->Next(size_, &block.rows, &pieces);
        if (!next.ok()) return next.status();
        more = *next;
        table.pending = target;
        Apply(block, pieces, into, sent);
        if (between_) between_();
      }
      if (table.schema.Key().empty() || !log_->NamesRows(name)) {
        const absl::StatusOr<Position> sealed = (*rows)->Seal(target);
        if (!sealed.ok()) return sealed.status();
        table.rows = shadow.rows;
        table.position = *sealed;
        table.pending = {};
        return absl::OkStatus();
      }
    }
    const auto changes =
        reader_->Changes(name, from, AllColumns(table.schema), whole, /*count_all=*/false, /*also=*/{});
    if (!changes.ok()) return changes.status();
    for (bool last = false; !last;) {
      if (sent->pieces++ == stop_after) return absl::OkStatus();
      Pieces pieces;
      const absl::StatusOr<ChangePiece> piece = (*changes)->Next(size_, &pieces);
      if (!piece.ok()) return piece.status();
      if (sent->pieces == 1) sent->planned = piece->planned, sent->rows_now = piece->rows_now;
      table.pending = piece->target;
      for (const ChangeBlock& block : piece->blocks) Apply(block, pieces, into, sent);
      last = piece->last;
      target = piece->target;
      row_count_ = piece->row_count;
      if (between_ && !last) between_();
    }
    if (whole) table.rows = shadow.rows;
    table.position = target;
    table.pending = {};
    return absl::OkStatus();
  }

  static void Apply(const ChangeBlock& block, const Pieces& pieces, ModelTable* table, Sent* sent) {
    std::vector<std::vector<std::string>> rows;
    AppendRows(block.rows, &rows);
    for (std::size_t c = 0; c < block.rows.columns.size(); ++c) {
      for (const LargeValue& large : block.rows.columns[c].large()) {
        std::string& cell = rows[large.row][c];
        const Kind kind = cell[6] == 't' ? Kind::kText : cell[6] == 'b' ? Kind::kBlob : Kind::kRawText;
        cell = ShowKind(kind, pieces.value(large.value_id));
      }
    }
    for (const auto& values : rows) {
      ModelRow row;
      for (std::size_t c = 0; c < values.size(); ++c) {
        row[table->schema.columns[block.rows.columns[c].column()].name] = values[c];
      }
      const bool keyless = table->schema.Key().empty();
      const std::string key = KeyOf(table->schema, row);
      if (block.operation == Operation::kDelete) {
        ++sent->deletes;
        table->rows.erase(key);
      } else if (block.operation == Operation::kInsert) {
        ++sent->inserts;
        EXPECT_EQ(row.size(), table->schema.columns.size());
        if (!keyless) table->rows.erase(key);
        table->rows.emplace(key, row);
      } else {
        ++sent->updates;
        sent->values += static_cast<int>(row.size() - table->schema.Key().size());
        const auto found = table->rows.find(key);
        ASSERT_NE(found, table->rows.end()) << "the mirror lacks the row of an update: " << key;
        for (const auto& [column, value] : row) found->second[column] = value;
      }
    }
  }

  std::vector<std::string> Mirrored(const std::string& name) const {
    std::vector<std::string> rows;
    for (const auto& [key, row] : model_.at(name).rows) {
      std::string shown;
      for (const Column& column : model_.at(name).schema.columns) {
        absl::StrAppend(&shown, column.name, "=", row.at(column.name), " ");
      }
      rows.push_back(std::move(shown));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  std::vector<std::string> InSource(const std::string& name) {
    std::string columns;
    for (const Column& column : model_.at(name).schema.columns) {
      absl::StrAppend(&columns, columns.empty() ? "" : ", ", QuoteName(column.name));
    }
    return Ask(app_->handle(), absl::StrCat("SELECT ", columns, " FROM ", QuoteName(name)));
  }

  bool IsEqual(const std::string& name) { return Mirrored(name) == InSource(name); }
  void ExpectEqual() {
    for (const auto& [name, table] : model_) EXPECT_EQ(Mirrored(name), InSource(name)) << name;
  }

  /// The application runs `sql`, and a cycle carries it over.
  Sent After(const std::string& sql, const std::string& table = "t") {
    app_->Run(sql);
    auto sent = Cycle();
    ExpectEqual();
    return sent[table];
  }

  std::vector<std::string> Schema() {
    return Ask(app_->handle(), "SELECT rowid, * FROM sqlite_schema ORDER BY rowid");
  }
  std::int64_t Number(const std::string& sql) {
    const auto rows = Ask(app_->handle(), "SELECT (" + sql + ") AS n");
    return rows.empty() ? -1 : std::stoll(rows[0].substr(4));
  }
  std::string LogOf(const std::string& table) { return LogName(log_->Find(table)->id); }

  TempFolder folder_;
  std::string path_ = folder_ / "source.db";
  std::string host_ = "host";
  std::int64_t retention_ms_ = 7LL * 86'400'000, max_log_ = 10'000'000;
  BlockSize size_;
  std::vector<std::string> skip_;
  std::unique_ptr<Application> app_;
  std::unique_ptr<ChangeLog> log_;
  std::unique_ptr<SourceReader> reader_;
  std::map<std::string, std::string> records_;
  std::vector<SourceTable> tables_;
  std::map<std::string, ModelTable> model_;
  std::vector<std::string> news_, aborted_;
  std::string bound_;
  std::optional<std::uint64_t> row_count_;
  std::function<void()> between_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_LOGGED_SOURCE_H_
