#include "client/source/postgres/postgres_reader.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/pipeline.h"
#include "base/status_macros.h"
#include "client/source/postgres/postgres_column_look.h"
#include "client/source/postgres/postgres_digests.h"
#include "client/source/postgres/postgres_key_rows.h"
#include "client/source/postgres/postgres_objects.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/postgres/postgres_table_reader.h"
#include "client/source/postgres/postgres_tables.h"
#include "client/source/values/server_reader.h"
#include "client/source/values/value_scan.h"

namespace mirror {
namespace {

class PostgresReader : public ServerReader<PostgresLook, PostgresSourceTables> {
 public:
  explicit PostgresReader(PostgresReaderOptions options)
      : ServerReader(std::make_shared<PostgresSessions>(options.access), options.choice,
                     PostgresSourceTables(options.records, options.keys, options.steps)),
        options_(std::move(options)) {}

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    RETURN_IF_ERROR(KnowPlace());
    std::vector<PostgresTable> all;
    ASSIGN_OR_RETURN(const std::unique_ptr<SourceReading> reading, ReadCatalogs(&all));
    return Choose(all).names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    LeaveMoment();
    EndLook();
    // It may be another one by now.
    RETURN_IF_ERROR(LookAtPlace());
    std::vector<PostgresTable> all;
    ASSIGN_OR_RETURN(const std::unique_ptr<SourceReading> reading, ReadCatalogs(&all));
    SourceSchema schema;
    // They come by oid: of two whose names are one in the mirror the older one stays what it is.
    ChosenTables chosen = Choose(all);
    AnnounceAll(
        std::move(all), std::move(chosen), [](const PostgresTable& table) { return !table.quoted.empty(); },
        [&](PostgresTable table) { return tables_.Announce(std::move(table), *place_, &schema.notes); },
        &schema);
    RETURN_IF_ERROR(AddObjects(reading->connection(), &schema));
    look_ = std::make_shared<PostgresLook>(PostgresLook{
        {sessions_, *place_, options_.hash_key ? &*options_.hash_key : nullptr, false,
         [this](const KnownPostgresTable& known, const auto& misfits) { tables_.Keep(known, misfits); }},
        options_.schema});
    if (PostgresReaderLog* const log = options_.log; log != nullptr) {
      look_->note_snapshot = [log](const KnownPostgresTable& known, const std::string& snapshot) {
        log->NoteSnapshot(known.table, snapshot);
      };
    }
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    const auto known = FindToRead(table);
    if (known == nullptr) return Unknown(table);
    if (!known->steps || known->steps->where.empty()) return CountPostgresRows(*look_, *known);
    PostgresSourceRows rows(look_, known, {{0}});
    return CountValues(rows);
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const auto known = FindToRead(table);
    if (known == nullptr) return Unknown(table);
    if (options_.log != nullptr) {
      RETURN_IF_ERROR(options_.log->CheckReadable(known->table));
      options_.log->BeginRows(known->table);
      absl::StatusOr<std::unique_ptr<TableReader>> logged = options_.log->LoggedRows(look_, known, columns);
      if (!logged.ok() || *logged != nullptr) return logged;
    }
    return ReadPostgresTable(look_, known, columns);
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override {
    if (options_.log == nullptr)
      return SourceReader::Changes(table, from, columns, whole_rows, count_all, std::move(also));
    const auto known = FindToRead(table);
    if (known == nullptr) return Unknown(table);
    RETURN_IF_ERROR(options_.log->CheckReadable(known->table));
    return options_.log->Changes(look_, known, {from, columns, whole_rows, std::move(also)});
  }

  /// The snapshot comes first: what it does not see is in the log by then.
  absl::StatusOr<bool> HoldMoment(bool /*with_changes*/) override {
    LeaveMoment();
    if (options_.log == nullptr || look_ == nullptr) return false;
    ASSIGN_OR_RETURN(std::unique_ptr<PostgresMoment> moment, PostgresMoment::Hold(sessions_));
    RETURN_IF_ERROR(options_.log->HoldMoment());
    look_->moment = std::move(moment);
    return true;
  }
  void LeaveMoment() override {
    if (look_ != nullptr) look_->moment.reset();
    if (options_.log != nullptr) options_.log->LeaveMoment();
  }

  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    const auto known = Find(table);
    // A key of the configuration is one that PostgreSQL does not see to.
    const bool own = known == nullptr || !known->table.key_operators.empty() || known->schema.Key().empty();
    return own ? RepeatedKeys::kNever : RepeatedKeys::kMistake;
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    const auto known = FindToRead(table);
    if (known == nullptr) return Unknown(table);
    return LookAtPostgresColumn(look_, known, column);
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    const auto known = FindToRead(table);
    if (known == nullptr) return Unknown(table);
    return ReadPostgresKeyRows(look_, known, columns, std::move(keys));
  }

 private:
  std::shared_ptr<const KnownPostgresTable> FindToRead(const std::string& table) {
    if (look_ != nullptr && look_->moment != nullptr && look_->moment->IsOver()) LeaveMoment();
    return Find(table);
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanBy(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       ValueScanRule rule) override {
    const auto known = FindToRead(table);
    if (known == nullptr) return Unknown(table);
    return ScanPostgresTable(look_, known, columns, std::move(rule));
  }

  /// The transaction in which they were read goes on. Errors: also that the role may not use the schema, or
  /// that there is none.
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

  const PostgresReaderOptions options_;
};

}  // namespace

std::unique_ptr<SourceReader> OpenPostgresReader(PostgresReaderOptions options) {
  return std::make_unique<PostgresReader>(std::move(options));
}

}  // namespace mirror
