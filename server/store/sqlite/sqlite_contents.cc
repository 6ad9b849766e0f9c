#include "server/store/sqlite/sqlite_contents.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_cycle_notes.h"
#include "server/store/sqlite/file/sqlite_documents.h"
#include "server/store/sqlite/file/sqlite_hooks.h"
#include "server/store/sqlite/file/sqlite_ledger.h"
#include "server/store/sqlite/file/sqlite_metadata.h"
#include "server/store/sqlite/file/sqlite_receipts.h"
#include "server/store/sqlite/file/sqlite_tenant.h"
#include "server/store/sqlite/file/sqlite_times.h"
#include "server/store/sqlite/rows/sqlite_journal.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/sqlite_mirror_check.h"

namespace mirror {
namespace {

constexpr char kHolds[] = "_mirror_holds";
constexpr char kHooks[] = "_mirror_hooks";

absl::Status EachRow(SqliteConnection& connection, const std::string& sql,
                     const std::function<void(Query&)>& take) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) take(query);
  return row.status();
}

template <typename T>
absl::Status Take(absl::StatusOr<T> read, T* out) {
  if (read.ok()) *out = *std::move(read);
  return read.status();
}

template <typename T, typename Write>
absl::Status EachOf(const std::vector<T>& all, const Write& write) {
  for (const T& one : all) {
    RETURN_IF_ERROR(write(one));
  }
  return absl::OkStatus();
}

/// Runs the steps until one fails.
absl::Status InOrder(const std::vector<std::function<absl::Status()>>& steps) {
  return EachOf(steps, [](const auto& step) { return step(); });
}

// --- Reading ---

absl::Status ReadTables(SqliteConnection& connection, MirrorContents* out) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT table_name FROM _mirror_schema WHERE table_name COLLATE NOCASE IN (SELECT name FROM "
          "sqlite_schema WHERE type = 'table') ORDER BY table_name"));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, query.Texts());
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(std::optional<TableSchema> agreed, SelectSchema(connection, name));
    if (!agreed) continue;
    const auto record = std::find_if(out->records.begin(), out->records.end(),
                                     [&](const TableRecord& one) { return SameName(one.table, name); });
    const bool is_older = record != out->records.end() && record->state == TableState::kRepopulate;
    ASSIGN_OR_RETURN(TableSchema stored, StoredForm(connection, *agreed, is_older, &out->left_out));
    out->tables.push_back({*std::move(agreed), std::move(stored)});
  }
  return absl::OkStatus();
}

template <typename Row>
absl::Status ReadAll(SqliteConnection& connection, const Record<Row>& record, std::string_view rest,
                     std::vector<Row>* out) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(record.SelectSql(kInSqlite, rest)));
  ASSIGN_OR_RETURN(*out, ReadRows(record, query));
  return absl::OkStatus();
}

template <typename Row>
absl::Status ReadFolded(SqliteConnection& connection, const Record<Row>& record, std::string_view rest,
                        std::vector<Row>* out) {
  RETURN_IF_ERROR(ReadAll(connection, record, rest, out));
  for (Row& row : *out) row.table = FoldName(row.table);
  return absl::OkStatus();
}

absl::Status ReadOfTables(SqliteConnection& connection, MirrorContents* out) {
  return InOrder({
      [&] {
        return ReadFolded(connection, LostColumnTable(), "ORDER BY table_name, column_name",
                          &out->lost_columns);
      },
      [&] { return ReadFolded(connection, LossTable(), "ORDER BY table_name, cycle", &out->losses); },
      [&] { return ReadFolded(connection, OpenReceiptTable(), "ORDER BY table_name", &out->open_receipts); },
  });
}

/// Sets `last` to the highest id that the table assigned, if there is one.
absl::Status ReadLastId(SqliteConnection& connection, const char* table, std::int64_t* last) {
  return EachRow(connection, absl::StrCat("SELECT seq FROM sqlite_sequence WHERE name = '", table, "'"),
                 [&](Query& row) { *last = row.Int(0); });
}

absl::Status ReadNumbered(SqliteConnection& connection, MirrorContents* out) {
  std::int64_t last_hold = 0;
  absl::Status read = ReadLastId(connection, kHolds, &last_hold);
  out->last_hold = static_cast<std::uint64_t>(last_hold);
  if (read.ok()) read = ReadLastId(connection, kHooks, &out->last_hook);
  if (read.ok() && out->last_hook != 0) {
    read = ReadAll(connection, HookNoteTable(), "ORDER BY id", &out->hooks);
  }
  if (!read.ok()) return read;
  return EachRow(connection, "SELECT number, receipt FROM _mirror_receipts ORDER BY number", [&](Query& row) {
    out->receipts.push_back({static_cast<std::uint64_t>(row.Int(0)), row.Text(1)});
  });
}

absl::Status ReadOwnIndexes(SqliteConnection& connection, MirrorContents* out) {
  std::vector<OwnIndex> indexes;
  RETURN_IF_ERROR(Take(SelectOwnIndexes(connection), &indexes));
  std::sort(indexes.begin(), indexes.end(),
            [](const OwnIndex& a, const OwnIndex& b) { return a.name < b.name; });
  for (const OwnIndex& index : indexes) {
    IndexChange& made = out->own_indexes.emplace_back(IndexChange{index, {}});
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare(
            "SELECT name, \"desc\", coll FROM temp.pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno"));
    absl::StatusOr<bool> row = query.Bind(1, index.name).Step();
    for (; row.ok() && *row; row = query.Step()) {
      const Collation collation = SameName(query.View(2), "NOCASE")  ? Collation::kNocase
                                  : SameName(query.View(2), "RTRIM") ? Collation::kRtrim
                                                                     : Collation::kBinary;
      made.columns.push_back({query.Text(0), query.Int(1) != 0, collation});
    }
    if (!row.ok()) return row.status();
  }
  return absl::OkStatus();
}

/// Collects names that are neither the mirror's nor SQLite's own, and names of what a running cycle fills.
absl::Status ReadLeftOut(SqliteConnection& connection, const std::string& context_id, MirrorContents* out) {
  std::set<std::string> ours = {FoldName(context_id + "_mirroring")};
  for (const ContentsTable& table : out->tables) ours.insert(FoldName(table.agreed.name));
  if (HasOwnTable(connection, "_mirror_history")) {
    RETURN_IF_ERROR(EachRow(connection, "SELECT view_name FROM _mirror_history",
                            [&](Query& row) { ours.insert(FoldName(row.View(0))); }));
  }
  absl::Status read = EachRow(
      connection, "SELECT type, name, tbl_name FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name",
      [&](Query& row) {
        const std::string type = row.Text(0), name = FoldName(row.View(1));
        if (absl::StartsWith(name, "sqlite_") || absl::StartsWith(name, "_mirror_")) return;
        if ((type == "table" || type == "view") && ours.contains(name)) return;
        const bool of_table = type == "index" || type == "trigger";
        out->left_out.push_back(absl::StrCat(type, " '", row.Text(1), "'",
                                             of_table ? absl::StrCat(" of '", row.Text(2), "'") : ""));
      });
  if (read.ok()) {
    read = EachRow(connection,
                   "SELECT table_name, dropped_name FROM _mirror_dropped WHERE dropped_name IN (SELECT name "
                   "FROM sqlite_schema) ORDER BY length(dropped_name), dropped_name",
                   [&](Query& row) {
                     out->left_out.push_back(
                         absl::StrCat("table '", row.Text(0), "' that was set aside as '", row.Text(1), "'"));
                   });
  }
  if (!read.ok()) return read;
  return EachRow(
      connection,
      "SELECT table_name FROM _mirror_shadow UNION SELECT table_name FROM _mirror_parts ORDER BY 1",
      [&](Query& row) {
        out->left_out.push_back(absl::StrCat("what the running cycle brought for table '", row.Text(0),
                                             "' and did not commit yet"));
      });
}

}  // namespace

absl::StatusOr<MirrorContents> ReadSqliteContents(SqliteConnection& connection,
                                                  const std::string& context_id) {
  MirrorContents contents;
  MirrorContents* const out = &contents;
  RETURN_IF_ERROR(InOrder({
      [&] { return Take(ReadTenantOf(connection, context_id), &out->tenant); },
      [&] { return Take(SelectNonces(connection), &out->nonces); },
      [&] { return Take(SelectRecords(connection, MetadataTable(context_id)), &out->records); },
      [&] { return ReadTables(connection, out); },
      [&] { return Take(SelectAnswers(connection), &out->answers); },
      [&] { return Take(SelectCycleNotes(connection), &out->cycle_notes); },
      [&] { return Take(SelectChecks(connection), &out->checks); },
      [&] { return Take(SelectHolds(connection), &out->holds); },
      [&] { return Take(SelectFreshness(connection), &out->freshness); },
      [&] { return Take(SelectAllDocuments(connection), &out->documents); },
      [&] { return Take(SelectObjects(connection), &out->source_objects); },
      [&] { return ReadOfTables(connection, out); },
      [&] { return ReadNumbered(connection, out); },
      [&] { return ReadOwnIndexes(connection, out); },
      [&] { return ReadLeftOut(connection, context_id, out); },
  }));
  RemoveSeen(&contents.documents);
  return contents;
}

namespace {

// --- Writing ---

absl::Status MakeTable(SqliteConnection& connection, const ContentsTable& table,
                       const std::string& context_id) {
  absl::Status made = CheckSqliteTableName(table.agreed.name, context_id);
  if (made.ok()) made = connection.Execute(CreateTableSql(table.agreed.name, table.stored));
  return made.ok() ? RunAgreeSchema(connection, AgreeSchema{table.agreed}) : made;
}

absl::Status WriteLostColumn(SqliteConnection& connection, const LostColumn& lost) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(LostColumnTable().InsertSql(kInSqlite)));
  return WriteRow(LostColumnTable(), lost, std::move(query));
}

absl::Status WriteLosses(SqliteConnection& connection, const std::vector<LossOfTable>& losses) {
  // MarkLossesCommitted() marks all losses of a table. So the committed losses are written first.
  for (const bool committed : {true, false}) {
    for (const LossOfTable& one : losses) {
      if (one.loss.committed != committed) continue;
      absl::Status written = AddLoss(connection, one.table, one.loss, one.loss.rows);
      if (written.ok() && committed) written = MarkLossesCommitted(connection, one.table);
      if (!written.ok()) return written;
    }
  }
  return absl::OkStatus();
}

/// Sets the table's counter of ids: the next id is the one after `last`.
absl::Status SetLastId(SqliteConnection& connection, std::string_view table, std::int64_t last) {
  ASSIGN_OR_RETURN(Query forget, connection.Prepare("DELETE FROM sqlite_sequence WHERE name = ?1"));
  RETURN_IF_ERROR(forget.Bind(1, table).Run());
  if (last == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(Query set, connection.Prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)"));
  return set.Bind(1, table).Bind(2, last).Run();
}

absl::Status WriteAllHolds(SqliteConnection& connection, const MirrorContents& contents) {
  absl::Status written = EachOf(contents.holds, [&](const Hold& hold) {
    absl::Status at = SetLastId(connection, kHolds, static_cast<std::int64_t>(hold.id) - 1);
    return at.ok() ? WriteHold(connection, hold) : at;
  });
  return written.ok() ? SetLastId(connection, kHolds, static_cast<std::int64_t>(contents.last_hold))
                      : written;
}

absl::Status WriteAllHooks(SqliteConnection& connection, const MirrorContents& contents) {
  constexpr std::int64_t kNoneGoes = 0;
  // This table is missing if there never was a note for a hook.
  if (contents.last_hook == 0) return absl::OkStatus();
  RETURN_IF_ERROR(AddHooks(connection, {}, {}, kNoneGoes));
  absl::Status written = EachOf(contents.hooks, [&](const HookNote& note) {
    absl::Status at = SetLastId(connection, kHooks, note.id - 1);
    return at.ok() ? AddHooks(connection, {note}, {}, kNoneGoes) : at;
  });
  return written.ok() ? SetLastId(connection, kHooks, contents.last_hook) : written;
}

}  // namespace

absl::Status WriteSqliteContents(SqliteConnection& connection, const MirrorContents& contents) {
  const std::string& context_id = contents.tenant.context_id;
  const std::string metadata = MetadataTable(context_id);
  const auto each = [](const auto& all, const auto& write) {
    return [&all, write] { return EachOf(all, write); };
  };
  CycleNoteChanges notes;
  notes.written = contents.cycle_notes;
  return InOrder({
      [&] { return UpdateTenant(connection, contents.tenant); },
      each(contents.nonces, [&](const Nonce& one) { return InsertNonce(connection, one); }),
      each(contents.records, [&](const TableRecord& one) { return WriteRecord(connection, metadata, one); }),
      each(contents.tables, [&](const ContentsTable& one) { return MakeTable(connection, one, context_id); }),
      [&] { return WriteAnswers(connection, contents.answers); },
      [&] { return WriteCycleNotes(connection, contents.tenant.cycle, notes); },
      each(contents.lost_columns, [&](const LostColumn& one) { return WriteLostColumn(connection, one); }),
      each(contents.checks, [&](const TableCheck& one) { return WriteCheck(connection, one); }),
      [&] { return WriteAllHolds(connection, contents); },
      [&] { return WriteLosses(connection, contents.losses); },
      [&] { return WriteTimes(connection, Freshness{}, contents.freshness); },
      [&] { return WriteTargets(connection, contents.freshness.targets); },
      each(contents.receipts,
           [&](const KeptReceipt& one) { return InsertReceipt(connection, one.number, one.text); }),
      each(contents.open_receipts,
           [&](const OpenReceiptOfTable& one) { return WriteOpenReceipt(connection, one.table, one.open); }),
      [&] { return WriteAllHooks(connection, contents); },
      each(contents.documents, [&](const Document& one) { return WriteDocument(connection, one); }),
      each(contents.source_objects,
           [&](const KeptObjects& one) {
             return WriteObjects(connection, ObjectsChange{one.table, one.objects});
           }),
  });
}

}  // namespace mirror
