#include "client/source/mariadb/mariadb_reader.h"

#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_column_look.h"
#include "client/source/mariadb/mariadb_key_rows.h"
#include "client/source/mariadb/mariadb_objects.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/mariadb/mariadb_tables.h"
#include "client/source/values/server_reader.h"
#include "client/source/values/settled_tables.h"
#include "client/source/values/value_scan.h"

namespace mirror {
namespace {

class MariadbReader : public ServerReader<MariadbLook, MariadbSourceTables> {
 public:
  explicit MariadbReader(MariadbReaderOptions options)
      : ServerReader(std::make_shared<MariadbSessions>(options.access), options.choice,
                     MariadbSourceTables(options.records, options.keys, options.steps)),
        options_(std::move(options)) {}

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    RETURN_IF_ERROR(KnowPlace());
    ASSIGN_OR_RETURN(const MariadbLease lease, sessions_->Take(MariadbUse::kCatalogs));
    ASSIGN_OR_RETURN(const std::vector<MariadbTable> all, ReadMariadbTables(*lease));
    return Choose(all).names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    LeaveMoment();
    EndLook();
    // It may be another one by now.
    RETURN_IF_ERROR(LookAtPlace());
    ASSIGN_OR_RETURN(const MariadbLease lease, sessions_->Take(MariadbUse::kCatalogs));
    ASSIGN_OR_RETURN(std::vector<MariadbTable> all, ReadCatalogs(*lease));
    SourceSchema schema;
    ChosenTables chosen = Choose(all);
    AnnounceAll(
        std::move(all), std::move(chosen), [](const MariadbTable& table) { return !table.quoted.empty(); },
        [&](MariadbTable table) { return tables_.Announce(std::move(table), *place_, &schema.notes); },
        &schema);
    RETURN_IF_ERROR(AddObjects(*lease, &schema));
    look_ = std::make_shared<MariadbLook>(MariadbLook{
        sessions_, *place_, options_.hash_key ? &*options_.hash_key : nullptr, false,
        [this](const KnownMariadbTable& known, const auto& misfits) { tables_.Keep(known, misfits); }});
    if (MariadbReaderLog* const log = options_.log; log != nullptr) {
      look_->note_snapshot = [log](const KnownMariadbTable& known, const std::string& snapshot) {
        log->NoteSnapshot(known.table, snapshot);
      };
    }
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    if (!known->steps || known->steps->where.empty()) return CountMariadbRows(*look_, *known);
    MariadbSourceRows rows(look_, known, {{0}});
    return CountValues(rows);
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    if (options_.log != nullptr) {
      RETURN_IF_ERROR(options_.log->CheckReadable(known->table));
      options_.log->BeginRows(known->table);
    }
    return ReadValues(known->given, columns,
                      std::make_unique<MariadbSourceRows>(look_, known, MariadbAsk{columns}));
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override {
    if (options_.log == nullptr)
      return SourceReader::Changes(table, from, columns, whole_rows, count_all, std::move(also));
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    RETURN_IF_ERROR(options_.log->CheckReadable(known->table));
    return options_.log->Changes(look_, known, {from, columns, whole_rows, std::move(also)});
  }

  /// Of net changes alone: no two sessions of MariaDB share a snapshot.
  absl::StatusOr<bool> HoldMoment(bool with_changes) override {
    if (options_.log == nullptr || !with_changes) return false;
    RETURN_IF_ERROR(options_.log->HoldMoment());
    return true;
  }
  void LeaveMoment() override {
    if (options_.log != nullptr) options_.log->LeaveMoment();
  }

  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    const auto known = Find(table);
    // A key of the configuration is one that MariaDB does not see to.
    const bool own = known == nullptr || !known->table.key.empty() || known->schema.Key().empty();
    return own ? RepeatedKeys::kNever : RepeatedKeys::kMistake;
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    return LookAtMariadbColumn(look_, known, column);
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    return ReadMariadbKeyRows(look_, known, columns, std::move(keys));
  }

 private:
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanBy(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       ValueScanRule rule) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    const ScanColumns what(known->given, columns, rule);
    MariadbAsk ask{what.read};
    if (rule.bound) {
      const std::uint32_t column = rule.bound->column;
      ask.left_out = rule.bound->left_out;
      if (!known->steps) {
        ask.where = FromSql(known->table.columns[column], known->schema.columns[column], rule.bound->from);
        // There is no `where` that could leave rows out.
        if (ask.left_out) ask.where = "FALSE";
      }
    }
    auto rows = std::make_unique<MariadbSourceRows>(look_, known, std::move(ask));
    return ScanValues(known->given, std::move(rule), what, std::move(rows));
  }

  absl::StatusOr<std::vector<MariadbTable>> ReadCatalogs(mariadb::Connection& connection) const {
    if (!options_.settles) return ReadMariadbTables(connection);
    std::set<std::string> chosen;
    return ReadSettled(
        [&](std::int64_t* clock_ms) {
          auto all = ReadMariadbTables(connection, "", clock_ms);
          if (all.ok()) chosen = ChosenNames(*all);
          return all;
        },
        [&](const MariadbTable& table) { return chosen.contains(table.name) ? table.created_s : 0; });
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

  const MariadbReaderOptions options_;
};

}  // namespace

std::unique_ptr<SourceReader> OpenMariadbReader(MariadbReaderOptions options) {
  return std::make_unique<MariadbReader>(std::move(options));
}

}  // namespace mirror
