#include "client/source/mariadb/mariadb_reader.h"

#include <cstdint>
#include <utility>

#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_tables.h"

namespace mirror {
namespace {

class MariadbReader : public ServerReader<MariadbSourceRows, MariadbSourceTables, MariadbReaderOptions> {
 public:
  explicit MariadbReader(const MariadbReaderOptions& options)
      : ServerReader(std::make_shared<MariadbSessions>(options.access), options, options.log) {}

  /// Only for net changes: MariaDB sessions cannot share a snapshot.
  absl::StatusOr<bool> HoldMoment(bool with_changes) override {
    if (log_ == nullptr || !with_changes) return false;
    RETURN_IF_ERROR(log_->HoldMoment());
    return true;
  }

 private:
  absl::StatusOr<std::vector<MariadbTable>> ReadTables() override {
    ASSIGN_OR_RETURN(const MariadbLease lease, sessions_->Take(MariadbUse::kCatalogs));
    return ReadMariadbTables(*lease);
  }

  absl::Status LookAtTables(SourceSchema* schema) override {
    ASSIGN_OR_RETURN(const MariadbLease lease, sessions_->Take(MariadbUse::kCatalogs));
    ASSIGN_OR_RETURN(std::vector<MariadbTable> all, ReadCatalogs(*lease));
    AnnounceAll(
        std::move(all), [](const MariadbTable& table) { return !table.quoted.empty(); }, schema);
    return AddObjects(*lease, schema);
  }

  absl::StatusOr<std::uint64_t> CountAll(const KnownMariadbTable& known) override {
    return CountMariadbRows(*look_, known);
  }
  absl::StatusOr<ColumnFacts> LookAt(const std::shared_ptr<const KnownMariadbTable>& known,
                                     std::uint32_t column) override {
    return LookAtMariadbColumn(look_, known, column);
  }
  std::unique_ptr<ValueRows> RowsOfKeys(const std::shared_ptr<const KnownMariadbTable>& known,
                                        std::vector<std::uint32_t> read, WantedKeys keys) override {
    return RowsOfMariadbKeys(look_, known, std::move(read), std::move(keys));
  }
  void AskFrom(const KnownMariadbTable& known, std::uint32_t column, const KeyPart& from,
               MariadbAsk* ask) override {
    ask->where = FromSql(known.table.columns[column], known.schema.columns[column], from);
  }

  absl::StatusOr<std::vector<MariadbTable>> ReadCatalogs(mariadb::Connection& connection) const {
    if (!options_.settles) return ReadMariadbTables(connection);
    return ReadSettledTables(
        [&](std::int64_t* clock_ms) { return ReadMariadbTables(connection, "", clock_ms); },
        [](const MariadbTable& table) { return table.created_s; });
  }

  absl::Status AddObjects(mariadb::Connection& connection, SourceSchema* schema) {
    std::map<std::string, const TableSchema*> tables;
    std::map<std::string, const MariadbTable*> catalog;
    for (const SourceTable& table : schema->tables) {
      tables[table.schema.name] = &table.schema;
      catalog[table.schema.name] = &tables_.Find(table.schema.name)->table;
    }
    ASSIGN_OR_RETURN(auto objects, ReadMariadbObjects(connection, tables, catalog));
    for (SourceTable& table : schema->tables) table.objects = std::move(objects[table.schema.name]);
    return absl::OkStatus();
  }
};

}  // namespace

std::unique_ptr<SourceReader> OpenMariadbReader(MariadbReaderOptions options) {
  return std::make_unique<MariadbReader>(options);
}

}  // namespace mirror
