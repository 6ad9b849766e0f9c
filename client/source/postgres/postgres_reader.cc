#include "client/source/postgres/postgres_reader.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/pipeline.h"
#include "base/status_macros.h"
#include "client/source/postgres/postgres_objects.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/postgres/postgres_tables.h"

namespace mirror {
namespace {

class PostgresReader : public ServerReader<PostgresSourceRows, PostgresSourceTables, PostgresReaderOptions> {
 public:
  explicit PostgresReader(const PostgresReaderOptions& options)
      : ServerReader(std::make_shared<PostgresSessions>(options.access), options, options.log) {}

  /// The snapshot comes first: what it does not see is in the log by then.
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
    // They come by oid: of two whose names are one in the mirror the older one stays what it is.
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
};

}  // namespace

std::unique_ptr<SourceReader> OpenPostgresReader(PostgresReaderOptions options) {
  return std::make_unique<PostgresReader>(options);
}

}  // namespace mirror
