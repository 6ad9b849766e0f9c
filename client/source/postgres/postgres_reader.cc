#include "client/source/postgres/postgres_reader.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"
#include "base/status_macros.h"
#include "client/source/found_objects.h"
#include "client/source/postgres/postgres_tables.h"
#include "proto/wire/source_objects.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using postgres::Rows;

constexpr char kDoing[] = "reading its indexes and foreign keys";

/// One row for each term of each index except the primary key's. `plain`: its method orders or hashes whole
/// values, with the default operators for equality; `exact`: no two texts count as equal.
constexpr char kIndexes[] =
    "SELECT i.indrelid, i.indexrelid, x.relname::text, i.indisunique, i.indpred IS NOT NULL, "
    "coalesce(a.attname::text, ''), a.attnum IS NOT NULL AND a.attgenerated = '', (k.option & 1) <> 0, "
    "m.amname IN ('btree', 'hash') AND p.opcdefault, coalesce(l.collisdeterministic, true) "
    "FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam "
    "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[], "
    "i.indoption::int2[]) WITH ORDINALITY k(number, class, compares, option, place) "
    "JOIN pg_opclass p ON p.oid = k.class LEFT JOIN pg_collation l ON l.oid = k.compares "
    "LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0 "
    "WHERE NOT i.indisprimary AND i.indislive AND i.indisvalid AND k.place <= i.indnkeyatts "
    "AND n.nspname = $1 ORDER BY i.indrelid, x.relname, i.indexrelid, k.place";

/// One row for each column of each foreign key. A table of another schema has that in its name.
constexpr char kForeignKeys[] =
    "SELECT f.conrelid, f.oid, CASE WHEN s.oid = n.oid THEN r.relname::text "
    "ELSE s.nspname || '.' || r.relname END, a.attname::text, b.attname::text, f.confdeltype::text, "
    "f.confupdtype::text FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class r ON r.oid = f.confrelid "
    "JOIN pg_namespace s ON s.oid = r.relnamespace "
    "CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY k(here, there, place) "
    "JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.here "
    "JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.there "
    // Foreign keys to leaves of a partitioned table are parts of the one to the table itself.
    "WHERE f.contype = 'f' AND f.conparentid = 0 AND n.nspname = $1 "
    "ORDER BY f.conrelid, f.conname, f.oid, k.place";

std::map<std::uint32_t, std::vector<FoundIndex>> IndexesOf(const Rows& rows) {
  std::map<std::uint32_t, std::vector<FoundIndex>> indexes;
  std::int64_t last = 0;
  for (int row = 0; row < rows.rows(); ++row) {
    std::vector<FoundIndex>& of_table = indexes[static_cast<std::uint32_t>(rows.Int(row, 0))];
    if (std::exchange(last, rows.Int(row, 1)) != rows.Int(row, 1)) of_table.emplace_back();
    FoundIndex& read = of_table.back();
    read.index.name = rows.Text(row, 2);
    read.index.unique = rows.Bool(row, 3);
    const bool is_partial = rows.Bool(row, 4), is_column = rows.Bool(row, 6);
    const bool is_plain = rows.Bool(row, 8) && rows.Bool(row, 9);
    if (!read.untold && is_partial) read.untold = UntoldReason::kPartial;
    if (!read.untold && !is_column) read.untold = UntoldReason::kExpression;
    if (!read.untold && !is_plain) read.untold = UntoldReason::kCollation;
    read.index.columns.push_back({rows.Text(row, 5), rows.Bool(row, 7), Collation::kBinary});
  }
  return indexes;
}

ForeignKeyAction ActionOf(const std::string& letter) {
  if (letter == "r") return ForeignKeyAction::kRestrict;
  if (letter == "n") return ForeignKeyAction::kSetNull;
  if (letter == "d") return ForeignKeyAction::kSetDefault;
  if (letter == "c") return ForeignKeyAction::kCascade;
  return ForeignKeyAction::kNoAction;
}

std::map<std::uint32_t, std::vector<SourceForeignKey>> ForeignKeysOf(const Rows& rows) {
  std::map<std::uint32_t, std::vector<SourceForeignKey>> keys;
  std::int64_t last = 0;
  for (int row = 0; row < rows.rows(); ++row) {
    std::vector<SourceForeignKey>& of_table = keys[static_cast<std::uint32_t>(rows.Int(row, 0))];
    if (std::exchange(last, rows.Int(row, 1)) != rows.Int(row, 1)) of_table.emplace_back();
    SourceForeignKey& key = of_table.back();
    key.table = rows.Text(row, 2);
    key.columns.push_back(rows.Text(row, 3));
    key.table_columns.push_back(rows.Text(row, 4));
    key.on_delete = ActionOf(rows.Text(row, 5));
    key.on_update = ActionOf(rows.Text(row, 6));
  }
  return keys;
}

/// Returns indexes and foreign keys of the tables with these oids in `schema`. An index whose collation never
/// treats two texts as equal is announced as a binary one: it finds the same rows, in another order.
absl::StatusOr<std::map<std::uint32_t, SourceObjects>> ReadPostgresObjects(
    postgres::Connection& connection, const std::string& schema,
    const std::map<std::uint32_t, const TableSchema*>& tables) {
  ASSIGN_OR_RETURN(const Rows index_rows, connection.Query(kIndexes, {postgres::Value(schema)}, kDoing));
  ASSIGN_OR_RETURN(const Rows key_rows, connection.Query(kForeignKeys, {postgres::Value(schema)}, kDoing));
  auto indexes = IndexesOf(index_rows);
  auto keys = ForeignKeysOf(key_rows);
  std::map<std::uint32_t, SourceObjects> all;
  for (const auto& [oid, table] : tables) {
    SourceObjects& objects = all[oid];
    for (FoundIndex& index : indexes[oid]) AddIndex(std::move(index), *table, &objects);
    for (SourceForeignKey& key : keys[oid]) AddForeignKey(std::move(key), *table, &objects);
  }
  return all;
}

class PostgresReader : public ServerReader<PostgresSourceRows, PostgresSourceTables, PostgresReaderOptions> {
 public:
  explicit PostgresReader(const PostgresReaderOptions& options)
      : ServerReader(std::make_shared<PostgresSessions>(options.access), options, options.log) {}

  /// Takes the snapshot first: commits that it does not see are in the log by then.
  absl::StatusOr<bool> HoldMoment(bool /*with_changes*/) override {
    LeaveMoment();
    if (log_ == nullptr || look_ == nullptr) return false;
    ASSIGN_OR_RETURN(std::unique_ptr<PostgresMoment> moment, PostgresMoment::Hold(sessions_));
    RETURN_IF_ERROR(log_->HoldMoment());
    look_->moment = std::move(moment);
    return true;
  }
  void LeaveMoment() override {
    if (look_ != nullptr) look_->moment.reset();
    ServerReader::LeaveMoment();
  }

 private:
  absl::StatusOr<std::vector<PostgresTable>> ReadTables() override {
    std::vector<PostgresTable> all;
    ASSIGN_OR_RETURN(const std::unique_ptr<SourceReading> reading, ReadCatalogs(&all));
    return all;
  }

  absl::Status LookAtTables(SourceSchema* schema) override {
    std::vector<PostgresTable> all;
    ASSIGN_OR_RETURN(const std::unique_ptr<SourceReading> reading, ReadCatalogs(&all));
    // In oid order: if two names are one in the mirror, the older table keeps it.
    AnnounceAll(
        std::move(all), [](const PostgresTable& table) { return !table.quoted.empty(); }, schema);
    return AddObjects(reading->connection(), schema);
  }

  std::shared_ptr<PostgresLook> NewLook() override {
    std::shared_ptr<PostgresLook> look = ServerReader::NewLook();
    look->schema = options_.schema;
    return look;
  }

  void LeaveOldMoment() override {
    if (look_->moment != nullptr && look_->moment->IsOver()) LeaveMoment();
  }

  absl::StatusOr<std::uint64_t> CountAll(const KnownPostgresTable& known) override {
    return CountPostgresRows(*look_, known);
  }
  absl::StatusOr<ColumnFacts> LookAt(const std::shared_ptr<const KnownPostgresTable>& known,
                                     std::uint32_t column) override {
    return LookAtPostgresColumn(look_, known, column);
  }
  std::unique_ptr<ValueRows> RowsOfKeys(const std::shared_ptr<const KnownPostgresTable>& known,
                                        std::vector<std::uint32_t> read, WantedKeys keys) override {
    return RowsOfPostgresKeys(look_, known, std::move(read), std::move(keys));
  }
  void AskFrom(const KnownPostgresTable& known, std::uint32_t column, const KeyPart& from,
               PostgresAsk* ask) override {
    ask->where =
        FromSql(known.table.columns[column], known.schema.columns[column], from, place_->bytes_in_order);
  }

  /// The transaction of the reading stays open. Errors: also that the role may not use the schema, or that it
  /// does not exist.
  absl::StatusOr<std::unique_ptr<SourceReading>> ReadCatalogs(std::vector<PostgresTable>* tables) {
    absl::StatusOr<std::unique_ptr<SourceReading>> reading = SourceReading::Make(sessions_);
    if (!reading.ok()) return reading;
    postgres::Pipeline pipeline((*reading)->connection());
    (*reading)->Begin(pipeline);
    const int usage =
        pipeline.Queue("SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1",
                       {postgres::Value(options_.schema)}, "looking for its schema");
    const PostgresTableQueries queries(options_.schema);
    queries.Queue(pipeline);
    ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
    RETURN_IF_ERROR(CheckUsage(rows[static_cast<std::size_t>(usage)]));
    ASSIGN_OR_RETURN(*tables, queries.Take(rows));
    return reading;
  }

  absl::Status CheckUsage(const postgres::Rows& rows) const {
    if (rows.rows() == 0) {
      return absl::NotFoundError(absl::StrCat("the source has no schema '", options_.schema,
                                              "': correct 'schemas' of its [[source]]. Nothing was sent"));
    }
    if (rows.Bool(0, 0)) return absl::OkStatus();
    return absl::PermissionDeniedError(
        absl::StrCat("the role '", place_->role, "' may not use the schema '", options_.schema,
                     "'. Nothing was sent. Allow it: GRANT USAGE ON SCHEMA ", QuoteName(options_.schema),
                     " TO ", QuoteName(place_->role)));
  }

  absl::Status AddObjects(postgres::Connection& connection, SourceSchema* schema) {
    std::map<std::uint32_t, const TableSchema*> tables;
    for (const SourceTable& table : schema->tables)
      tables[static_cast<std::uint32_t>(table.schema.table_id)] = &table.schema;
    ASSIGN_OR_RETURN(auto objects, ReadPostgresObjects(connection, options_.schema, tables));
    for (SourceTable& table : schema->tables)
      table.objects = std::move(objects[static_cast<std::uint32_t>(table.schema.table_id)]);
    return absl::OkStatus();
  }
};

}  // namespace

std::unique_ptr<SourceReader> OpenPostgresReader(PostgresReaderOptions options) {
  return std::make_unique<PostgresReader>(options);
}

}  // namespace mirror
