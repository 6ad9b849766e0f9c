#include "server/store/postgres/postgres_contents.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/failure.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"
#include "server/store/journal_verbs.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/document_rows.h"
#include "server/store/postgres/rows/hook_rows.h"
#include "server/store/postgres/rows/ledger_rows.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_schema.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/receipt_rows.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/time_rows.h"
#include "server/store/postgres/tables/alter.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/history_rows.h"
#include "server/store/postgres/tables/indexes.h"
#include "server/store/postgres/tables/kept_kinds.h"
#include "server/store/postgres/tables/present_table.h"

namespace mirror {
namespace {

/// A table as it is in PostgreSQL. All its rows, live or not, are read by this.
struct PostgresStored {
  TableSchema schema;  ///< See ContentsTable::stored.
  /// True: the columns are described as PostgreSQL has them, because the rows have an older definition, or
  /// somebody changed the table. Texts without a kind come from a column that was TEXT before.
  bool is_older = false;
};

constexpr std::uint32_t kDigitsOfSecond = 6;
/// The limits of PostgreSQL's numeric. They are used if the column's definition is no longer known.
constexpr std::uint32_t kDecimalDigits = 200'000, kDecimalScale = 20'000;

/// Returns the names of the columns whose texts may have a kind.
std::set<std::string> NamesWithKinds(const PresentTable& present, std::string_view kinds) {
  TableSchema texts;
  for (const PresentColumn& column : present.columns) {
    texts.columns.push_back(Column{.name = column.name, .type = Type::kAny});
  }
  const PostgresKinds places = KindsOf(texts, kinds);
  std::set<std::string> names;
  for (std::size_t i = 0; i < texts.columns.size(); ++i) {
    if (places.of_column[i] != PostgresKinds::kNone) names.insert(texts.columns[i].name);
  }
  return names;
}

/// Returns a column as PostgreSQL describes it. Absent: the mirror never makes a column of that type.
std::optional<Column> ColumnOf(const PresentColumn& present, bool may_have_kind) {
  static const std::map<std::string_view, Type> kTypes = {
      {"boolean", Type::kBool},
      {"bigint", Type::kInt64},
      {"double precision", Type::kDouble},
      {"numeric", Type::kDecimal},
      {"text", Type::kText},
      {"text COLLATE \"C\"", Type::kText},
      {"bytea", Type::kBytes},
      {"date", Type::kDate},
      {"time", Type::kTime},
      {"timestamp", Type::kTimestamp},
      {"timestamptz", Type::kTimestampTz},
      {"uuid", Type::kUuid},
  };
  const auto type = kTypes.find(present.type);
  if (type == kTypes.end()) return std::nullopt;
  Column column{.name = present.name, .type = type->second};
  column.key_position = static_cast<std::uint32_t>(present.key_position);
  column.nullable = present.key_position == 0;
  if (column.type == Type::kDecimal) {
    // In keys that the mirror makes, a decimal is stored as text.
    if (column.key_position != 0) return std::nullopt;
    column.precision = kDecimalDigits;
    column.scale = kDecimalScale;
  } else if (column.type == Type::kTime || column.type == Type::kTimestamp ||
             column.type == Type::kTimestampTz) {
    column.precision = kDigitsOfSecond;
  } else if (column.type == Type::kText && may_have_kind) {
    column.type = Type::kAny;
    column.affinity = Affinity::kBlob;
  }
  return column;
}

/// Returns the table as it can be read. Absent: the whole table cannot be read. `is_older`: the rows do not
/// have the agreed definition yet. `emptied`: folded names of columns that a rule excludes, and that are not
/// emptied yet. Adds to `left_out` what cannot or must not be read.
std::optional<PostgresStored> StoredFormOf(const PostgresAgreed& agreed, const PresentTable& present,
                                           bool is_older, const std::set<std::string>& emptied,
                                           std::vector<std::string>* left_out) {
  const std::string& table = agreed.schema.name;
  const TableSchema kept = KeptForm(agreed.schema), wanted = WithOwnColumns(kept);
  PostgresStored stored{wanted, is_older || !WhyNotWritten(kept, present).empty()};
  stored.schema.columns.clear();
  const bool has_kinds = present.Find(kKindsColumn) != nullptr;
  const std::set<std::string> with_kinds =
      has_kinds ? NamesWithKinds(present, agreed.kinds) : std::set<std::string>();
  for (const PresentColumn& column : present.columns) {
    if (column.name == kKindsColumn) continue;
    const std::optional<std::uint32_t> at = wanted.Find(column.name);
    std::optional<Column> read;
    if (stored.is_older && !column.is_generated) {
      read = ColumnOf(column, with_kinds.contains(column.name));
    } else if (!stored.is_older && at && wanted.columns[*at].name == column.name) {
      read = wanted.columns[*at];
    }
    // In other stores names must differ in more than ASCII case.
    if (read && !emptied.contains(FoldName(column.name)) && !stored.schema.Find(column.name)) {
      stored.schema.columns.push_back(*std::move(read));
      continue;
    }
    if (column.key_position != 0) {
      left_out->push_back(
          absl::StrCat("table '", table, "', whose key '", column.name, "' is ", column.type));
      return std::nullopt;
    }
    left_out->push_back(absl::StrCat("column '", column.name, "' of table '", table, "'"));
  }
  return stored;
}

/// Kind, name and owning table. The index of a primary key is not listed.
constexpr char kAllObjects[] = R"(
SELECT what, name, of_table FROM (
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
      WHEN 'f' THEN 'foreign table' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'c' THEN 'type'
      ELSE 'table' END AS what, c.relname::text AS name, t.relname::text AS of_table
    FROM ours AS c LEFT JOIN pg_index AS x ON x.indexrelid = c.oid LEFT JOIN ours AS t ON t.oid = x.indrelid
    WHERE c.relkind <> 't' AND x.indisprimary IS NOT TRUE AND c.oid NOT IN (SELECT oid FROM own)
  UNION ALL SELECT 'trigger', g.tgname::text, t.relname::text FROM pg_trigger AS g JOIN ours AS t
    ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
  UNION ALL SELECT 'constraint', k.conname::text, t.relname::text FROM pg_constraint AS k JOIN ours AS t
    ON t.oid = k.conrelid WHERE k.contype IN ('c', 'f', 'x')
  UNION ALL SELECT 'policy', p.polname::text, t.relname::text FROM pg_policy AS p JOIN ours AS t
    ON t.oid = p.polrelid
  UNION ALL SELECT 'row security', '', relname::text FROM ours WHERE relrowsecurity OR relforcerowsecurity
  UNION ALL SELECT 'publication', p.pubname::text, t.relname::text FROM pg_publication_rel AS r
    JOIN pg_publication AS p ON p.oid = r.prpubid JOIN ours AS t ON t.oid = r.prrelid
  UNION ALL SELECT 'publication', p.pubname::text, NULL FROM pg_publication_namespace AS r
    JOIN pg_publication AS p ON p.oid = r.pnpubid WHERE r.pnnspid = to_regnamespace($1)
  UNION ALL SELECT 'statistics', s.stxname::text, t.relname::text FROM pg_statistic_ext AS s JOIN ours AS t
    ON t.oid = s.stxrelid
  UNION ALL SELECT CASE WHEN a.attname IS NULL THEN 'comment' ELSE 'comment of column' END,
      coalesce(a.attname::text, ''), t.relname::text
    FROM pg_description AS d JOIN ours AS t ON t.oid = d.objoid
    LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_class'::regclass
  UNION ALL SELECT 'function', proname::text, NULL FROM pg_proc WHERE pronamespace = to_regnamespace($1)
  UNION ALL SELECT DISTINCT 'view', format('%s.%s', n.nspname, v.relname), t.relname::text FROM pg_depend AS d
    JOIN ours AS t ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
    JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class AS v ON v.oid = r.ev_class AND v.relnamespace <> t.relnamespace
    JOIN pg_namespace AS n ON n.oid = v.relnamespace
  UNION ALL SELECT DISTINCT 'rights of role', CASE a.grantee WHEN 0 THEN 'PUBLIC'
      ELSE pg_get_userbyid(a.grantee)::text END, NULL FROM (
        SELECT nspowner AS owner, nspacl AS acl FROM pg_namespace WHERE oid = to_regnamespace($1)
        UNION ALL SELECT relowner, relacl FROM ours) AS granted, LATERAL aclexplode(granted.acl) AS a
    WHERE a.grantee <> granted.owner
) AS objects ORDER BY what, name, of_table)";

/// Returns, for people, what others made in the mirror's schema or on its tables: "view 'x'", "index 'i' of
/// 't'", "rights of role 'bi'". `tables`: the mirrored tables. Does not check columns.
absl::StatusOr<std::vector<std::string>> FindOthersObjects(postgres::Connection& connection,
                                                           const std::string& context_id,
                                                           const PostgresOwnTables& names,
                                                           const std::set<std::string>& tables) {
  const auto rows = connection.Query(
      absl::StrCat("WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = to_regnamespace($1)), own AS (",
                   OwnViewsSql("to_regnamespace($1)"), ")", kAllObjects),
      {names.schema}, "looking for objects of others");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  const std::string metadata = MetadataOf(context_id);
  const auto is_own = [&](const std::string& name) {
    return absl::StartsWith(name, "_mirror_") || name == metadata;
  };
  std::vector<std::string> objects;
  for (int row = 0; row < rows->rows(); ++row) {
    const std::string what = rows->Text(row, 0), name = rows->Text(row, 1), of = rows->Text(row, 2);
    const bool is_mirrored = what == "table" && tables.contains(name);
    const bool of_own = !of.empty() && is_own(of) && !absl::StrContains(name, '.');
    const bool named = what != "rights of role" && what != "function";
    if (is_mirrored || of_own || (named && is_own(name))) continue;
    objects.push_back(absl::StrCat(what, name.empty() ? "" : absl::StrCat(" '", name, "'"),
                                   of.empty() ? "" : absl::StrCat(" of '", of, "'")));
  }
  return objects;
}

/// Limit of statements that wait in memory for the next round trip.
constexpr std::size_t kQueuedMax = 500;

class ContentsReader {
 public:
  ContentsReader(postgres::Connection& connection, const PostgresOwnTables& names)
      : connection_(connection), names_(names) {}

  absl::Status ReadAll() {
    const std::vector<std::function<absl::Status()>> steps = {
        [&] { return ReadTenantAndIds(); },
        [&] { return Take(SelectNonces(connection_, names_), &contents_.nonces); },
        [&] { return Take(SelectRecords(connection_, names_), &contents_.records); },
        [&] { return ReadTables(); },
        [&] { return Take(SelectAnswers(connection_, names_), &contents_.answers); },
        [&] { return ReadNotes(); },
        [&] { return ReadLostColumns(); },
        [&] { return Take(SelectChecks(connection_, names_), &contents_.checks); },
        [&] { return Take(SelectHolds(connection_, names_), &contents_.holds); },
        [&] { return Take(SelectAllLosses(connection_, names_), &contents_.losses); },
        [&] { return Take(SelectFreshness(connection_, names_), &contents_.freshness); },
        [&] { return Take(SelectKeptReceipts(connection_, names_), &contents_.receipts); },
        [&] { return Take(SelectOpenReceipts(connection_, names_), &contents_.open_receipts); },
        [&] { return Take(SelectHooks(connection_, names_), &contents_.hooks); },
        [&] { return Take(SelectAllDocuments(connection_, names_), &contents_.documents); },
        [&] { return ReadSourceObjects(); },
        [&] { return ReadOwnIndexes(); },
        [&] { return ReadLeftOut(); },
    };
    for (const auto& step : steps) {
      RETURN_IF_ERROR(step());
    }
    RemoveSeen(&contents_.documents);
    return absl::OkStatus();
  }
  MirrorContents& contents() { return contents_; }
  std::set<std::string>& older() { return older_; }

 private:
  template <typename T>
  static absl::Status Take(absl::StatusOr<T> read, T* out) {
    if (read.ok()) *out = *std::move(read);
    return read.status();
  }

  absl::Status ReadTenantAndIds() {
    ASSIGN_OR_RETURN(TenantRow row, ReadTenantRow(connection_, names_));
    contents_.tenant = std::move(row.tenant);
    // Holds, hook notes and the mirror's names share one sequence of numbers.
    contents_.last_hook = row.next_id - 1;
    contents_.last_hold = static_cast<std::uint64_t>(contents_.last_hook);
    return absl::OkStatus();
  }

  absl::Status ReadTables() {
    ASSIGN_OR_RETURN(std::vector<PostgresAgreed> agreed, SelectAgreed(connection_, names_));
    std::vector<std::string> relations;
    for (const PostgresAgreed& table : agreed) relations.push_back(table.schema.name);
    ASSIGN_OR_RETURN(const auto present, ReadPresent(connection_, names_, relations));
    ASSIGN_OR_RETURN(const auto notes, ReadState(connection_, names_, StateKind::kEmptied));
    std::map<std::string, std::set<std::string>> emptied;
    for (const StateRow& note : notes) emptied[note.table_key].merge(EmptiedBy(note));
    for (PostgresAgreed& table : agreed) {
      const auto there = present.find(table.schema.name);
      if (there == present.end()) continue;
      const std::string key = FoldName(table.schema.name);
      const auto record = std::find_if(contents_.records.begin(), contents_.records.end(),
                                       [&](const TableRecord& one) { return FoldName(one.table) == key; });
      const bool is_older = record != contents_.records.end() && record->state == TableState::kRepopulate;
      std::optional<PostgresStored> stored =
          StoredFormOf(table, there->second, is_older, emptied[key], &contents_.left_out);
      if (!stored) continue;
      if (stored->is_older) older_.insert(key);
      contents_.tables.push_back({std::move(table.schema), std::move(stored->schema)});
    }
    return absl::OkStatus();
  }

  absl::Status ReadNotes() {
    std::vector<CycleNote>& notes = contents_.cycle_notes;
    absl::Status read = Take(SelectCycleNotes(connection_, names_, contents_.tenant.cycle), &notes);
    std::stable_sort(notes.begin(), notes.end(),
                     [](const CycleNote& a, const CycleNote& b) { return a.kind < b.kind; });
    return read;
  }

  absl::Status ReadLostColumns() {
    ASSIGN_OR_RETURN(const auto rows, ReadState(connection_, names_, StateKind::kLostColumns));
    for (const StateRow& row : rows) {
      const PostgresLost lost = LostOf(row);
      for (const std::string& column : lost.columns) {
        contents_.lost_columns.push_back({row.table_key, column, lost.position});
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadSourceObjects() {
    const auto rows = ReadState(connection_, names_, StateKind::kObjects);
    if (rows.ok()) contents_.source_objects = ReadObjects(*rows);
    return rows.status();
  }

  absl::Status ReadOwnIndexes() {
    ASSIGN_OR_RETURN(std::vector<IndexChange> made, FindMadeIndexes(connection_, names_));
    std::copy_if(std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()),
                 std::back_inserter(contents_.own_indexes), [&](const IndexChange& index) {
                   return std::any_of(
                       contents_.tables.begin(), contents_.tables.end(),
                       [&](const ContentsTable& table) { return table.agreed.name == index.index.table; });
                 });
    return absl::OkStatus();
  }

  absl::Status ReadLeftOut() {
    std::vector<std::string>& left_out = contents_.left_out;
    std::set<std::string> tables;
    for (const ContentsTable& table : contents_.tables) tables.insert(table.agreed.name);
    ASSIGN_OR_RETURN(std::vector<std::string> others,
                     FindOthersObjects(connection_, contents_.tenant.context_id, names_, tables));
    std::move(others.begin(), others.end(), std::back_inserter(left_out));
    ASSIGN_OR_RETURN(const auto dropped, ReadState(connection_, names_, StateKind::kDropped));
    for (const StateRow& row : dropped) {
      PayloadReader payload(row.bytes());
      left_out.push_back(
          absl::StrCat("table '", payload.Text(), "' that was set aside as '", row.table_key, "'"));
    }
    ASSIGN_OR_RETURN(const auto histories, SelectHistories(connection_, names_));
    for (const auto& [key, history] : histories) {
      left_out.push_back(absl::StrCat("versions of rows of table '", history.schema.name, "'"));
    }
    ASSIGN_OR_RETURN(const auto journal, ReadState(connection_, names_, StateKind::kJournal));
    if (!journal.empty()) left_out.push_back("the journal of changes");
    const auto rows = connection_.Query(
        absl::StrCat("SELECT table_key FROM ", names_.state, " WHERE kind = $1 UNION SELECT table_key FROM ",
                     names_.receipts, " WHERE kind = $2 ORDER BY 1"),
        {static_cast<std::int64_t>(StateKind::kShadow), static_cast<std::int64_t>(ReceiptKind::kPart)},
        "finding the uncommitted rows of the running cycle");
    if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
    for (int row = 0; row < rows->rows(); ++row) {
      left_out.push_back(absl::StrCat("what the running cycle brought for table '", rows->Text(row, 0),
                                      "' and did not commit yet"));
    }
    return absl::OkStatus();
  }

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  MirrorContents contents_;
  std::set<std::string> older_;
};

/// Queues rows, and sends them when there are many.
class ContentsWriter {
 public:
  ContentsWriter(postgres::Connection& connection, const PostgresOwnTables& names)
      : connection_(connection), names_(names) {}

  absl::Status WriteAll(const MirrorContents& from) {
    UpdateTenant(writes_, names_, from.tenant);
    const std::int64_t last = std::max(static_cast<std::int64_t>(from.last_hold), from.last_hook);
    writes_.Add(absl::StrCat("UPDATE ", names_.tenant, " SET next_id = $1"), {last + 1});
    WriteAnswers(writes_, names_, from.answers);
    CycleNoteChanges notes;
    notes.written = from.cycle_notes;
    WriteCycleNotes(writes_, names_, from.tenant.cycle, notes);
    WriteTimes(writes_, names_, Freshness{}, from.freshness);
    WriteTargets(writes_, names_, from.freshness.targets);
    QueueLostColumns(from);
    QueueLosses(from.losses);
    Each(from.nonces, [&](const Nonce& one) { InsertNonce(writes_, names_, one); });
    Each(from.records, [&](const TableRecord& one) { WriteRecord(writes_, names_, one); });
    Each(from.checks, [&](const TableCheck& one) { WriteCheck(writes_, names_, one); });
    Each(from.holds, [&](const Hold& one) { PutHold(writes_, names_, one); });
    Each(from.hooks, [&](const HookNote& one) { PutHook(writes_, names_, one); });
    Each(from.documents, [&](const Document& one) { PutDocument(writes_, names_, one); });
    Each(from.receipts,
         [&](const KeptReceipt& one) { InsertReceipt(writes_, names_, one.number, one.text); });
    Each(from.open_receipts,
         [&](const OpenReceiptOfTable& one) { WriteOpenReceipt(writes_, names_, one.table, one.open); });
    Each(from.source_objects,
         [&](const KeptObjects& one) { PutState(writes_, names_, StateKind::kObjects, ObjectsRow(one)); });
    Send();
    return sent_;
  }

 private:
  template <typename T, typename Write>
  void Each(const std::vector<T>& all, const Write& write) {
    for (const T& one : all) {
      write(one);
      if (writes_.size() >= kQueuedMax) Send();
    }
  }
  void Send() {
    // After a failed send the transaction has failed, too. So the queue is dropped.
    if (sent_.ok()) sent_ = writes_.Send(connection_);
    writes_.Clear();
  }

  /// Queues only columns that were lost at the table's present position: no others are requested.
  void QueueLostColumns(const MirrorContents& from) {
    std::map<std::string, PostgresLost> by_table;
    for (const TableRecord& record : from.records) by_table[FoldName(record.table)] = {record.position, {}};
    for (const LostColumn& one : from.lost_columns) {
      const auto lost = by_table.find(FoldName(one.table));
      if (lost == by_table.end() || lost->second.position != one.position) continue;
      lost->second.columns.push_back(FoldName(one.column));
    }
    for (const auto& [table, lost] : by_table) {
      if (lost.columns.empty()) continue;
      PutState(writes_, names_, StateKind::kLostColumns, LostRow(table, lost));
    }
  }

  void QueueLosses(const std::vector<LossOfTable>& losses) {
    // MarkLossesCommitted() marks all losses of a table at once. So the committed losses are added first.
    for (const bool committed : {true, false}) {
      for (const LossOfTable& one : losses) {
        if (one.loss.committed != committed) continue;
        AddLoss(writes_, names_, one.table, one.loss, one.loss.rows);
        if (committed) MarkLossesCommitted(writes_, names_, one.table);
      }
    }
  }

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  OwnWrites writes_;
  absl::Status sent_;
};

/// Checks that the names still mean the schema in the snapshot. A statement looks up table names as they are
/// now. It sees no rows in tables that are newer than the snapshot.
absl::Status CheckSame(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto same = connection.Query(
      "SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE "
      "n.nspname = $2 AND c.oid = to_regclass($1))",
      {names.tenant, names.schema_name}, "checking that it is the same mirror");
  if (!same.ok()) return ToStoreStatus(same.status(), TableOwner::kOwnTable);
  if (same->Bool(0, 0)) return absl::OkStatus();
  return absl::UnavailableError(
      "another mirror replaced this one while it was read, for example by a restore or a reset at some "
      "server. The rows that were read are not used; the same call again is safe.");
}

}  // namespace

absl::StatusOr<MirrorContents> ReadPostgresContents(postgres::Connection& connection,
                                                    const PostgresOwnTables& names,
                                                    std::set<std::string>* older) {
  ContentsReader reader(connection, names);
  const absl::Status read = reader.ReadAll();
  // An error in another mirror's rows must not be reported for this mirror. After an error of PostgreSQL the
  // transaction has failed, so no query is possible.
  if (postgres::TroubleOf(read) == postgres::Trouble::kNone) RETURN_IF_ERROR(CheckSame(connection, names));
  if (!read.ok()) return read;
  *older = std::move(reader.older());
  return std::move(reader.contents());
}

absl::Status WritePostgresContents(postgres::Connection& connection, const PostgresOwnTables& names,
                                   const MirrorContents& contents) {
  return ContentsWriter(connection, names).WriteAll(contents);
}

}  // namespace mirror
