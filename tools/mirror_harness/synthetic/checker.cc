#include "tools/mirror_harness/synthetic/checker.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "tools/mirror_harness/synthetic/sqlite_file.h"

namespace mirror::harness {
namespace {

using Kind = StoredCell::Kind;
constexpr std::size_t kLinesMax = 20;
constexpr std::size_t kShownBytes = 60;

std::string Show(const StoredCell& cell) {
  switch (cell.kind) {
    case Kind::kNull:
      return "NULL";
    case Kind::kInteger:
      return absl::StrCat("INTEGER ", cell.integer);
    case Kind::kReal:
      return absl::StrCat("REAL ", cell.real);
    case Kind::kText:
      return absl::StrCat("TEXT '", std::string(cell.bytes.substr(0, kShownBytes)),
                          cell.bytes.size() > kShownBytes ? "...'" : "'");
    case Kind::kBlob:
      return absl::StrCat("BLOB of ", cell.bytes.size(), " bytes");
  }
  return {};
}

StoredCell CellOf(const sqlite::Statement& row, int column) {
  switch (row.TypeAt(column)) {
    case sqlite::Type::kInteger:
      return {Kind::kInteger, row.Int(column), 0, {}};
    case sqlite::Type::kReal:
      return {Kind::kReal, 0, row.Real(column), {}};
    case sqlite::Type::kText:
      return {Kind::kText, 0, 0, row.View(column)};
    case sqlite::Type::kBlob:
      return {Kind::kBlob, 0, 0, row.View(column)};
    case sqlite::Type::kNull:
      break;
  }
  return {};
}

bool Same(const StoredCell& a, const StoredCell& b) {
  // Compares the bits of doubles, so that -0.0 and 0.0 differ.
  return a.kind == b.kind && a.integer == b.integer && std::memcmp(&a.real, &b.real, sizeof a.real) == 0 &&
         a.bytes == b.bytes;
}

/// Orders keys of one kind like SQLite's BINARY collation.
int Compare(const StoredCell& a, const StoredCell& b) {
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.integer != b.integer) return a.integer < b.integer ? -1 : 1;
  if (a.real != b.real) return a.real < b.real ? -1 : 1;
  const int bytes = a.bytes.compare(b.bytes);
  return bytes < 0 ? -1 : bytes > 0 ? 1 : 0;
}

std::uint64_t AddToHash(std::uint64_t hash, const StoredCell& cell) {
  hash = MixBits(hash + static_cast<std::uint64_t>(cell.kind) + 1);
  std::uint64_t real = 0;
  std::memcpy(&real, &cell.real, sizeof real);
  hash = MixBits(hash ^ static_cast<std::uint64_t>(cell.integer) ^ real);
  for (const char byte : cell.bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  return MixBits(hash + cell.bytes.size());
}

/// Compares one table.
class TableCheck {
 public:
  TableCheck(const std::string& context_id, const TableState& table, CheckResult* result)
      : where_(absl::StrCat("tenant '", context_id, "', table '", table.model.schema().name, "'")),
        table_(table),
        model_(table.model),
        result_(result) {}

  void Run(const sqlite::Connection& database) {
    ++result_->tables;
    CheckColumns(database);
    const std::vector<std::uint32_t> key = model_.schema().Key();
    for (const std::uint32_t column : key) {
      const auto found = std::find(table_.checked.begin(), table_.checked.end(), column);
      // The endpoint hashes the key, so that only the rows can be counted.
      if (found == table_.checked.end()) return CountOnly(database);
      key_places_.push_back(static_cast<int>(found - table_.checked.begin()));
    }
    std::string columns, order;
    for (const std::uint32_t column : table_.checked) {
      absl::StrAppend(&columns, columns.empty() ? "" : ", ", QuoteName(model_.schema().columns[column].name));
    }
    for (const std::uint32_t column : key) {
      absl::StrAppend(&order, order.empty() ? " ORDER BY " : ", ",
                      QuoteName(model_.schema().columns[column].name));
    }
    sqlite::Statement rows =
        database.Prepare(absl::StrCat("SELECT ", columns, " FROM ", QuoteName(model_.schema().name), order));
    if (!rows.status().ok()) return Differ(std::string(rows.status().message()));
    const absl::Status read = key.empty() ? CompareBags(rows) : CompareRows(rows);
    if (!read.ok()) Differ(absl::StrCat("reading the table: ", read.message()));
  }

 private:
  void Differ(const std::string& what) {
    ++result_->differences;
    if (result_->first.size() < kLinesMax) result_->first.push_back(absl::StrCat(where_, ": ", what));
  }

  /// Checks that there are only the columns that were sent, and the mirror's own.
  void CheckColumns(const sqlite::Connection& database) {
    const sqlite::Statement all =
        database.Prepare(absl::StrCat("SELECT * FROM ", QuoteName(model_.schema().name), " LIMIT 0"));
    if (!all.status().ok()) return;  // The SELECT of the rows reports this error.
    for (int i = 0; i < all.columns(); ++i) {
      const std::string name = sqlite3_column_name(all.get(), i);
      const auto column = model_.schema().Find(name);
      const bool sent =
          column && std::find(table_.sent.begin(), table_.sent.end(), *column) != table_.sent.end();
      if (!sent && !absl::StartsWith(name, "_mirror_"))
        Differ(absl::StrCat("has a column '", name, "' that was not sent"));
    }
  }

  void CountOnly(const sqlite::Connection& database) {
    const auto count =
        database.Number(absl::StrCat("SELECT count(*) FROM ", QuoteName(model_.schema().name)));
    if (!count.ok()) return Differ(std::string(count.status().message()));
    const auto rows = static_cast<std::uint64_t>(*count);
    if (rows != model_.rows())
      Differ(absl::StrCat("holds ", Counted(rows, "row"), ", the source holds ", Grouped(model_.rows())));
  }

  StoredCell Expected(std::int64_t key, std::size_t place) {
    const Recipe& recipe = model_.recipes()[table_.checked[place]];
    return Stored(recipe, model_.At(key, recipe.column, &scratch_), &stored_scratch_);
  }

  int CompareKeys(const sqlite::Statement& row, std::int64_t key) {
    for (const int place : key_places_) {
      const int order = Compare(CellOf(row, place), Expected(key, static_cast<std::size_t>(place)));
      if (order != 0) return order;
    }
    return 0;
  }

  std::string KeyText(const sqlite::Statement& row) {
    std::string text;
    for (const int place : key_places_) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", Show(CellOf(row, place)));
    }
    return text;
  }

  std::string KeyText(std::int64_t key) {
    std::string text;
    for (const int place : key_places_) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", Show(Expected(key, static_cast<std::size_t>(place))));
    }
    return text;
  }

  /// Compares rows in key order on both sides.
  absl::Status CompareRows(sqlite::Statement& row) {
    std::uint64_t rank = 0;
    absl::StatusOr<bool> step = row.Step();
    while (!step.ok() || *step || rank < model_.rows()) {
      if (!step.ok()) return step.status();
      const int order = !*step ? 1 : rank == model_.rows() ? -1 : CompareKeys(row, model_.KeyAt(rank));
      if (order < 0) {
        Differ(absl::StrCat("key ", KeyText(row), ": in the mirror only"));
      } else if (order > 0) {
        Differ(absl::StrCat("key ", KeyText(model_.KeyAt(rank)), ": missing in the mirror"));
      } else {
        ++result_->rows;
        CompareValues(row, model_.KeyAt(rank));
      }
      if (order <= 0) step = row.Step();
      if (order >= 0) ++rank;
    }
    return absl::OkStatus();
  }

  void CompareValues(const sqlite::Statement& row, std::int64_t key) {
    for (std::size_t place = 0; place < table_.checked.size(); ++place) {
      const StoredCell mirrored = CellOf(row, static_cast<int>(place));
      const StoredCell expected = Expected(key, place);
      if (Same(mirrored, expected)) continue;
      Differ(absl::StrCat("key ", KeyText(row), ", column '",
                          model_.schema().columns[table_.checked[place]].name, "': the mirror holds ",
                          Show(mirrored), ", the source holds ", Show(Expected(key, place))));
    }
  }

  /// Compares a table without a key, by hashes of whole rows. It keeps 8 bytes for each row of both sides.
  absl::Status CompareBags(sqlite::Statement& row) {
    std::vector<std::uint64_t> mirrored, expected;
    absl::StatusOr<bool> step = row.Step();
    for (; step.ok() && *step; step = row.Step()) {
      std::uint64_t hash = 0;
      for (std::size_t place = 0; place < table_.checked.size(); ++place) {
        hash = AddToHash(hash, CellOf(row, static_cast<int>(place)));
      }
      mirrored.push_back(hash);
    }
    for (std::uint64_t rank = 0; rank < model_.rows(); ++rank) {
      std::uint64_t hash = 0;
      for (std::size_t place = 0; place < table_.checked.size(); ++place) {
        hash = AddToHash(hash, Expected(model_.KeyAt(rank), place));
      }
      expected.push_back(hash);
    }
    std::sort(mirrored.begin(), mirrored.end());
    std::sort(expected.begin(), expected.end());
    std::vector<std::uint64_t> ghosts, missing;
    std::set_difference(mirrored.begin(), mirrored.end(), expected.begin(), expected.end(),
                        std::back_inserter(ghosts));
    std::set_difference(expected.begin(), expected.end(), mirrored.begin(), mirrored.end(),
                        std::back_inserter(missing));
    result_->rows += mirrored.size() - ghosts.size();
    if (!ghosts.empty())
      Differ(absl::StrCat("has no key: ", Counted(ghosts.size(), "row"), " only in the mirror"));
    if (!missing.empty())
      Differ(absl::StrCat("has no key: ", Counted(missing.size(), "row"), " missing in the mirror"));
    return step.status();
  }

  std::string where_;
  const TableState& table_;
  const RowModel& model_;
  CheckResult* result_;
  std::vector<int> key_places_;  ///< Indexes of the key columns in `checked`.
  std::string scratch_, stored_scratch_;
};

/// Compares the rows of `<context id>_mirroring` with the acknowledged positions.
class PositionCheck {
 public:
  PositionCheck(const Tenant& tenant, CheckResult* result) : tenant_(tenant), result_(result) {}

  void Run(const sqlite::Connection& database) {
    const std::string name = tenant_.context_id() + "_mirroring";
    sqlite::Statement row =
        database.Prepare(absl::StrCat("SELECT lsn, lineage, pending_lsn, row_count FROM ", QuoteName(name),
                                      " WHERE table_name = ? COLLATE NOCASE"));
    if (!row.status().ok()) return Differ(std::string(row.status().message()));
    for (const TableState& table : tenant_.tables()) {
      if (table.behind) continue;
      where_ = absl::StrCat(", table '", table.model.schema().name, "', position");
      row.Bind(1, table.model.schema().name);
      CheckRow(row, table);
      row.Reset();
    }
  }

 private:
  void Differ(const std::string& what) {
    ++result_->differences;
    if (result_->first.size() >= kLinesMax) return;
    result_->first.push_back(absl::StrCat("tenant '", tenant_.context_id(), "'", where_, ": ", what));
  }

  void CheckRow(sqlite::Statement& row, const TableState& table) {
    if (!row.StepToRow().ok()) return Differ("the metadata table has no row for this table");
    const StoredCell lsn = CellOf(row, 0), lineage = CellOf(row, 1), pending = CellOf(row, 2),
                     count = CellOf(row, 3);
    if (lsn.kind != Kind::kInteger || lsn.integer != table.committed.lsn.value) {
      Differ(absl::StrCat("LSN is ", Show(lsn), ", expected ", table.committed.lsn.value));
    }
    if (lineage.bytes != table.committed.lineage) {
      Differ(absl::StrCat("lineage is ", Show(lineage), ", expected '", table.committed.lineage, "'"));
    }
    if (pending.kind == Kind::kInteger && pending.integer != -1) {
      Differ(absl::StrCat("pending is ", pending.integer, " after a commit"));
    }
    if (count.kind == Kind::kInteger && count.integer >= 0 &&
        static_cast<std::uint64_t>(count.integer) != table.model.rows()) {
      Differ(absl::StrCat("row_count is ", count.integer, ", the source has ",
                          Counted(table.model.rows(), "row")));
    }
  }

  const Tenant& tenant_;
  CheckResult* result_;
  std::string where_;
};

}  // namespace

void CheckTenant(const std::string& data_dir, Tenant* tenant, CheckResult* result) {
  const auto taken = [](const TableState& table) { return !table.behind; };
  if (std::none_of(tenant->tables().begin(), tenant->tables().end(), taken)) return;  // Nothing to compare.
  const std::string path = absl::StrCat(data_dir, "/Mirror_", tenant->context_id(), ".db");
  if (std::error_code error; !std::filesystem::exists(path, error)) {
    ++result->differences;
    if (result->first.size() < kLinesMax) {
      result->first.push_back(absl::StrCat(
          "'", path,
          "' does not exist. --check compares mirrors in SQLite files: name the server's [data] "
          "dir. For a mirror in PostgreSQL, run 'mirrorctl backup ",
          tenant->context_id(), " FILE', give the copy this name, and name its folder with --check"));
    }
    return;
  }
  const absl::StatusOr<Database> database = OpenDatabase(path, sqlite::OpenAs::Mode::kRead);
  if (!database.ok()) {
    ++result->differences;
    if (result->first.size() < kLinesMax) result->first.emplace_back(database.status().message());
    return;
  }
  PositionCheck(*tenant, result).Run(**database);
  for (TableState& table : tenant->tables()) {
    if (table.behind) continue;
    table.model.SortKeys();
    TableCheck(tenant->context_id(), table, result).Run(**database);
  }
}

}  // namespace mirror::harness
