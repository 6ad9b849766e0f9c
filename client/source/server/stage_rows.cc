#include "client/source/server/stage_rows.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

void AddToCounts(StagedKind kind, bool born_behind, std::int64_t rows, StagedRows::Counts* counts) {
  switch (kind) {
    case StagedKind::kGone:
      counts->gone += rows;
      if (born_behind) counts->came_and_went += rows;
      break;
    case StagedKind::kWhole:
      counts->whole += rows;
      break;
    case StagedKind::kPart:
      counts->parts += rows;
      break;
    case StagedKind::kMoved:
      counts->moved += rows;
  }
}

/// Limit of the memory for rows that are being read.
constexpr std::size_t kReadBytes = 4'000'000;
/// See SealOf().
constexpr std::size_t kSealBytes = 8;
constexpr char kReadingRows[] = "reading rows";
constexpr char kWritingRows[] = "writing rows";

constexpr char kSelectTables[] =
    "SELECT id, name, key, fingerprint, floor, truncated_lsn, gone_because FROM tables";

StagedTable TableAt(const sqlite::Statement& row) {
  StagedTable table;
  table.id = row.Int(0);
  table.name = row.Text(1);
  const std::string key = row.Text(2);
  for (const auto& part : absl::StrSplit(key, ',', absl::SkipEmpty())) {
    std::int64_t number = 0;
    if (absl::SimpleAtoi(part, &number)) table.key.push_back(number);
  }
  table.fingerprint = row.Text(3);
  table.floor = row.Int(4);
  table.truncated_lsn = row.Int(5);
  table.gone_because = row.Text(6);
  return table;
}

absl::Status Damaged() {
  return absl::DataLossError(
      "the stage of the source's changes has a row that is damaged. Nothing of it was sent. Remove the "
      "source's "
      "'.stage.db' in [agent] 'state_dir': then the tables are compared with the mirror");
}

/// Returns a checksum over everything that a row means, which is stored after its values. SQLite does not
/// detect that a disk flipped a bit. `born` is excluded: it stays when a later row is merged into this one.
std::string SealOf(std::string_view key, const FoldedRow& row, std::string_view values) {
  std::string numbers = {static_cast<char>(row.kind), static_cast<char>(row.complete ? 1 : 0)};
  absl::StrAppend(&numbers, row.lsn, " ", row.rekeyed);
  std::uint64_t digest = ShortDigest(numbers, ShortDigest(key, ShortDigest(values)));
  std::string seal;
  for (; seal.size() < kSealBytes; digest >>= 8) seal += static_cast<char>(digest & 0xff);
  return seal;
}

absl::StatusOr<FoldedRow> FoldedAt(const sqlite::Statement& row, int column, std::string_view key) {
  const std::string_view kind = row.View(column), sealed = row.View(column + 5);
  if (kind.size() != 1 || sealed.size() < kSealBytes) return Damaged();
  const std::string_view values = sealed.substr(0, sealed.size() - kSealBytes);
  FoldedRow folded = {static_cast<StagedKind>(kind.front()),
                      row.Int(column + 1) != 0,
                      row.Int(column + 2),
                      row.Int(column + 3),
                      row.Int(column + 4),
                      {}};
  if (sealed.substr(values.size()) != SealOf(key, folded, values)) return Damaged();
  folded.values = values;
  return folded;
}

absl::StatusOr<StagedRow> Unfolded(const FoldedRow& row) {
  std::optional<std::vector<StagedValue>> values = UnpackStagedValues(row.values);
  if (!values) return Damaged();
  return StagedRow{row.kind,           row.lsn,
                   row.born,           row.rekeyed,
                   *std::move(values), row.kind == StagedKind::kPart && row.complete};
}

class RowsAfter : public StagedRows {
 public:
  RowsAfter(std::int64_t table, std::int64_t from) : table_(table), from_(from) {}

  absl::Status Start(StageFile& file) {
    ASSIGN_OR_RETURN(StageFile::Reading reading, file.Read());
    bool all = false;
    absl::Status read = InLook(*reading, [&] {
      const absl::StatusOr<bool> took = TakeIntoMemory(*reading);
      if (took.ok()) all = *took;
      return took.status();
    });
    if (!read.ok() || all) return read;
    reading.reset();
    rows_.clear();
    rows_.shrink_to_fit();
    ASSIGN_OR_RETURN(scratch_, file.ConnectWithScratch());
    return InLook(*scratch_, [&] { return Copy(); });
  }

  absl::StatusOr<std::vector<Row>> Next(std::size_t count) override {
    std::vector<Row> some;
    if (scratch_ == nullptr) {
      for (; next_ < rows_.size() && some.size() < count; ++next_) {
        ASSIGN_OR_RETURN(StagedRow row, Unfolded(rows_[next_].second));
        some.push_back({rows_[next_].first, std::move(row)});
      }
      return some;
    }
    sqlite::Statement select = scratch_->Prepare(
        absl::StrCat("SELECT place, key, ", kRowColumns, " FROM scratch.read WHERE place > ? LIMIT ?"),
        kReadingRows);
    select.With(scratch_place_, count);
    absl::StatusOr<bool> there = select.Step();
    for (; there.ok() && *there; there = select.Step()) {
      scratch_place_ = select.Int(0);
      const std::string key = select.Text(1);
      ASSIGN_OR_RETURN(const FoldedRow folded, FoldedAt(select, 2, key));
      ASSIGN_OR_RETURN(StagedRow row, Unfolded(folded));
      some.push_back({key, std::move(row)});
    }
    if (!there.ok()) return there.status();
    return some;
  }

  std::int64_t place() const override { return place_; }

  absl::StatusOr<Counts> Count(std::int64_t behind) override {
    if (scratch_ == nullptr) {
      Counts counts;
      for (const auto& [key, row] : rows_) AddToCounts(row.kind, row.born > behind, 1, &counts);
      return counts;
    }
    sqlite::Statement select =
        scratch_->Prepare("SELECT kind, born > ?, count(*) FROM scratch.read GROUP BY 1, 2", kReadingRows);
    select.With(behind);
    return TakeCounts(std::move(select));
  }

 private:
  /// Runs `read` in one transaction, in which the table is staged from the requested position on.
  absl::Status InLook(const sqlite::Connection& database, const std::function<absl::Status()>& read) {
    return database.Transact(
        sqlite::Connection::Begin::kDeferred,
        [&] {
          ASSIGN_OR_RETURN(place_, ReadPlace(database));
          absl::Status staged = CheckStagedFrom(database, table_, from_);
          return staged.ok() ? read() : staged;
        },
        kReadingRows);
  }

  std::string Select(const std::string& columns, StagedKind kind) const {
    return absl::StrCat("SELECT ", columns, " FROM main.", NetName(table_), " WHERE lsn > ", from_,
                        " AND kind = ", Quoted(kind), " ORDER BY lsn");
  }

  /// False: there are too many rows.
  absl::StatusOr<bool> TakeIntoMemory(const sqlite::Connection& database) {
    std::size_t bytes = 0;
    for (const StagedKind kind : kReadOrder) {
      sqlite::Statement select =
          database.Prepare(Select(absl::StrCat("key, ", kRowColumns), kind), kReadingRows);
      absl::StatusOr<bool> there = select.Step();
      for (; there.ok() && *there; there = select.Step()) {
        std::string found = select.Text(0);
        ASSIGN_OR_RETURN(FoldedRow folded, FoldedAt(select, 1, found));
        const auto& [key, row] = rows_.emplace_back(std::move(found), std::move(folded));
        bytes += sizeof rows_.front() + key.size() + row.values.size();
        if (bytes > kReadBytes) return false;
      }
      if (!there.ok()) return there.status();
    }
    return true;
  }

  absl::Status Copy() {
    const std::string columns = absl::StrCat("key, ", kRowColumns);
    for (const StagedKind kind : kReadOrder) {
      const std::string sql =
          absl::StrCat("INSERT INTO scratch.read (", columns, ") ", Select(columns, kind));
      RETURN_IF_ERROR(scratch_->Execute(sql, kReadingRows));
    }
    return absl::OkStatus();
  }

  const std::int64_t table_, from_;
  std::int64_t place_ = 0;
  std::vector<std::pair<StagedKey, FoldedRow>> rows_;
  std::size_t next_ = 0;
  std::unique_ptr<sqlite::Connection> scratch_;  ///< Null: all rows are in memory.
  std::int64_t scratch_place_ = 0;
};

}  // namespace

std::string Quoted(StagedKind kind) { return {'\'', static_cast<char>(kind), '\''}; }

absl::StatusOr<StagedRows::Row> RowAt(const sqlite::Statement& row) {
  const std::string key = row.Text(0);
  ASSIGN_OR_RETURN(const FoldedRow folded, FoldedAt(row, 1, key));
  ASSIGN_OR_RETURN(StagedRow unfolded, Unfolded(folded));
  return StagedRows::Row{key, std::move(unfolded)};
}

absl::StatusOr<StagedRows::Counts> TakeCounts(sqlite::Statement select) {
  StagedRows::Counts counts;
  absl::StatusOr<bool> there = select.Step();
  for (; there.ok() && *there; there = select.Step()) {
    AddToCounts(static_cast<StagedKind>(select.View(0).front()), select.Int(1) != 0, select.Int(2), &counts);
  }
  if (!there.ok()) return there.status();
  return counts;
}

absl::Status CheckStagedFrom(const sqlite::Connection& database, std::int64_t table, std::int64_t from) {
  ASSIGN_OR_RETURN(const std::optional<StagedTable> known, ReadStagedTable(database, table));
  if (!known) return absl::NotFoundError(absl::StrCat("table ", table, " is not staged"));
  if (from >= known->floor) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("table '", known->name,
                                         "': some of its changes are no longer staged",
                                         known->gone_because.empty() ? "" : ": ", known->gone_because));
}

absl::StatusOr<std::optional<StagedTable>> ReadStagedTable(const sqlite::Connection& database,
                                                           std::int64_t table) {
  sqlite::Statement select = database.Prepare(absl::StrCat(kSelectTables, " WHERE id = ?"), kReadingRows);
  ASSIGN_OR_RETURN(const bool there, select.With(table).Step());
  if (!there) return std::nullopt;
  return TableAt(select);
}

absl::StatusOr<std::vector<StagedTable>> ReadStagedTables(const sqlite::Connection& database) {
  std::vector<StagedTable> tables;
  sqlite::Statement select = database.Prepare(absl::StrCat(kSelectTables, " ORDER BY id"), kReadingRows);
  absl::StatusOr<bool> there = select.Step();
  for (; there.ok() && *there; there = select.Step()) tables.push_back(TableAt(select));
  if (!there.ok()) return there.status();
  return tables;
}

absl::Status WriteStagedTable(const sqlite::Connection& database, const StagedTable& table) {
  return database
      .Prepare(
          "INSERT INTO tables (id, name, key, fingerprint, floor, truncated_lsn, gone_because, durable) "
          "VALUES "
          "(?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key, "
          "fingerprint = excluded.fingerprint, floor = excluded.floor, truncated_lsn = "
          "excluded.truncated_lsn, gone_because = excluded.gone_because",
          kWritingRows)
      .With(table.id, table.name, absl::StrJoin(table.key, ","), table.fingerprint, table.floor,
            table.truncated_lsn, table.gone_because)
      .Run();
}

absl::Status MakeNet(const sqlite::Connection& database, std::int64_t table) {
  return database.Execute(
      absl::StrCat("CREATE TABLE ", NetName(table),
                   " (key BLOB PRIMARY KEY, kind TEXT NOT NULL, complete INTEGER NOT NULL, lsn INTEGER NOT "
                   "NULL, born INTEGER NOT NULL, rekeyed INTEGER NOT NULL, row BLOB NOT NULL) WITHOUT ROWID; "
                   "CREATE INDEX ",
                   NetName(table, "_lsn"), " ON ", NetName(table), " (lsn, kind)"),
      kWritingRows);
}

absl::StatusOr<std::int64_t> ReadPlace(const sqlite::Connection& database) {
  return database.Number("SELECT place FROM stage", "reading it");
}

absl::Status WriteMark(const sqlite::Connection& database, const StageMark& mark) {
  return database
      .Prepare(
          "INSERT OR REPLACE INTO marks (token, lsn, time_ms, position, fingerprint) VALUES (?, ?, ?, ?, ?)",
          "writing a mark")
      .With(mark.token, mark.lsn, mark.time_ms, mark.position, mark.fingerprint)
      .Run();
}

absl::StatusOr<std::optional<StageMark>> ReadMark(const sqlite::Connection& database,
                                                  const std::string& condition, const std::string& bound) {
  sqlite::Statement select = database.Prepare(
      absl::StrCat("SELECT lsn, token, time_ms, position, fingerprint FROM marks ", condition),
      "reading marks");
  if (!bound.empty()) select.With(bound);
  ASSIGN_OR_RETURN(const bool there, select.Step());
  if (!there) return std::nullopt;
  return StageMark{select.Int(0), select.Text(1), select.Int(2), select.Text(3), select.Text(4)};
}

absl::StatusOr<std::optional<FoldedRow>> ReadFolded(const sqlite::Connection& database, std::int64_t table,
                                                    const StagedKey& key) {
  sqlite::Statement select = database.Prepare(
      absl::StrCat("SELECT ", kRowColumns, " FROM ", NetName(table), " WHERE key = ?"), kReadingRows);
  ASSIGN_OR_RETURN(const bool there, select.BindBlob(1, key).Step());
  if (!there) return std::nullopt;
  ASSIGN_OR_RETURN(FoldedRow row, FoldedAt(select, 0, key));
  return row;
}

absl::Status WriteFold(const sqlite::Connection& database, std::int64_t table, const Fold& fold) {
  // Compose() defines how a row is merged with the stored one. Only a part needs the stored row; of all other
  // kinds only `born` is kept.
  const std::string net = NetName(table);
  const std::string insert = absl::StrCat("INSERT INTO ", net, " (key, ", kRowColumns,
                                          ") VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO ");
  sqlite::Statement put = database.Prepare(
      absl::StrCat(insert,
                   "UPDATE SET kind = excluded.kind, complete = excluded.complete, lsn = excluded.lsn, "
                   "rekeyed = excluded.rekeyed, row = excluded.row"),
      kWritingRows);
  sqlite::Statement add = database.Prepare(absl::StrCat(insert, "NOTHING"), kWritingRows);
  sqlite::Statement find =
      database.Prepare(absl::StrCat("SELECT ", kRowColumns, " FROM ", net, " WHERE key = ?"), kWritingRows);
  std::string sealed;
  const auto write = [&](sqlite::Statement& statement, const StagedKey& key, const FoldedRow& row) {
    const char kind = static_cast<char>(row.kind);
    statement.BindBlob(1, key).Bind(2, std::string_view(&kind, 1)).Bind(3, row.complete ? 1 : 0);
    sealed = row.values;
    sealed += SealOf(key, row, row.values);
    statement.Bind(4, row.lsn).Bind(5, row.born).Bind(6, row.rekeyed).BindBlob(7, sealed);
    return statement.Run();
  };
  // Existing keys are mostly adjacent, and so are new ones: each key is only looked up once.
  bool is_new = false;
  for (const auto* const entry : fold.Sorted()) {
    const auto& [key, row] = *entry;
    const FoldedRow* written = &row;
    FoldedRow composed;
    if (key.size() + row.values.size() > Stage::kRowBytesMax)
      return absl::OutOfRangeError("a row is too long");
    if (row.kind == StagedKind::kPart && is_new) {
      RETURN_IF_ERROR(write(add, key, row));
      if (database.Changes() == 1) continue;
    }
    if (row.kind == StagedKind::kPart) {
      ASSIGN_OR_RETURN(const bool there, find.BindBlob(1, key).Step());
      if (there) {
        ASSIGN_OR_RETURN(const FoldedRow below, FoldedAt(find, 0, key));
        composed = Compose(below, row);
        written = &composed;
      }
      find.Reset();
      is_new = !there;
    }
    if (key.size() + written->values.size() > Stage::kRowBytesMax)
      return absl::OutOfRangeError("a row is too long");
    RETURN_IF_ERROR(write(put, key, *written));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StagedRows>> ReadRowsBehind(StageFile& file, std::int64_t table,
                                                           std::int64_t from) {
  auto rows = std::make_unique<RowsAfter>(table, from);
  RETURN_IF_ERROR(rows->Start(file));
  return rows;
}

absl::StatusOr<std::vector<StagedRows::Row>> ReadRowsOf(const sqlite::Connection& database,
                                                        std::int64_t table,
                                                        const std::vector<StagedKey>& keys) {
  std::vector<StagedRows::Row> rows;
  sqlite::Statement select = database.Prepare(
      absl::StrCat("SELECT key, ", kRowColumns, " FROM ", NetName(table), " WHERE key = ?"), kReadingRows);
  for (const StagedKey& key : keys) {
    ASSIGN_OR_RETURN(const bool there, select.BindBlob(1, key).Step());
    if (there) {
      ASSIGN_OR_RETURN(StagedRows::Row row, RowAt(select));
      rows.push_back(std::move(row));
    }
    select.Reset();
  }
  return rows;
}

}  // namespace mirror
