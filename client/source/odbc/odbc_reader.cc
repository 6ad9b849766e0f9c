#include "client/source/odbc/odbc_reader.h"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/odbc/odbc_column_look.h"
#include "client/source/odbc/odbc_conditions.h"
#include "client/source/odbc/odbc_key_rows.h"
#include "client/source/odbc/odbc_rows.h"
#include "client/source/odbc/odbc_tables.h"
#include "client/source/values/server_reader.h"
#include "client/source/values/settled_tables.h"
#include "client/source/values/value_scan.h"

namespace mirror {
namespace {

class OdbcReader : public ServerReader<OdbcLook, OdbcSourceTables> {
 public:
  explicit OdbcReader(OdbcReaderOptions options)
      : ServerReader(std::make_shared<OdbcSessions>(options.access), options.choice,
                     OdbcSourceTables(options.records, options.keys, options.steps)),
        options_(std::move(options)) {}

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    RETURN_IF_ERROR(KnowPlace());
    ASSIGN_OR_RETURN(const std::vector<OdbcTable> all, ReadCatalogs());
    return Choose(all).names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    EndLook();
    // It may be another one by now.
    place_.reset();
    RETURN_IF_ERROR(KnowPlace());
    absl::StatusOr<std::vector<OdbcTable>> all = options_.settles ? ReadSettledCatalogs() : ReadCatalogs();
    if (!all.ok()) return all.status();
    SourceSchema schema;
    if (!std::exchange(has_told_, true)) schema.notes = place_->notes;
    ChosenTables chosen = Choose(*all);
    AnnounceAll(
        *std::move(all), std::move(chosen), [](const OdbcTable&) { return true; },
        [&](OdbcTable table) { return tables_.Announce(std::move(table), *place_, &schema.notes); }, &schema);
    look_ = std::make_shared<OdbcLook>(
        OdbcLook{sessions_, *place_, options_.hash_key ? &*options_.hash_key : nullptr, false,
                 [this](const KnownOdbcTable& known, const auto& misfits) { tables_.Keep(known, misfits); }});
    return schema;
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    if (!known->steps || known->steps->where.empty()) return CountOdbcRows(*look_, *known);
    OdbcSourceRows rows(look_, known, {{0}});
    return CountValues(rows);
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    return ReadValues(known->given, columns,
                      std::make_unique<OdbcSourceRows>(look_, known, OdbcAsk{columns}));
  }

  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    const auto known = Find(table);
    const bool own = known == nullptr || !known->table.key.empty() || known->schema.Key().empty();
    return own ? RepeatedKeys::kNever : RepeatedKeys::kMistake;
  }

  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    return LookAtOdbcColumn(look_, known, column);
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    return ReadOdbcKeyRows(look_, known, columns, std::move(keys));
  }

 private:
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanBy(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       ValueScanRule rule) override {
    const auto known = Find(table);
    if (known == nullptr) return Unknown(table);
    const ScanColumns what(known->given, columns, rule);
    OdbcAsk ask{what.read};
    if (rule.bound) {
      const std::uint32_t column = rule.bound->column;
      ask.left_out = rule.bound->left_out;
      if (!known->steps) {
        // There is no `where` that could leave rows out.
        ask.where = ask.left_out ? "1 = 0"
                                 : OdbcFromSql(known->table.columns[column], known->schema.columns[column],
                                               rule.bound->from, &ask.parameters);
      }
    }
    auto rows = std::make_unique<OdbcSourceRows>(look_, known, std::move(ask));
    return ScanValues(known->given, std::move(rule), what, std::move(rows));
  }

  /// `clock_ms`: null, or set to OdbcDialect::CreationClock() before.
  absl::StatusOr<std::vector<OdbcTable>> ReadCatalogs(std::int64_t* clock_ms = nullptr) {
    ASSIGN_OR_RETURN(std::unique_ptr<odbc::Connection> connection, sessions_->Take());
    if (clock_ms != nullptr) {
      ASSIGN_OR_RETURN(*clock_ms, sessions_->dialect().CreationClock(*connection));
    }
    absl::StatusOr<std::vector<OdbcTable>> all = sessions_->dialect().Tables(*connection);
    sessions_->GiveBack(std::move(connection));
    return all;
  }

  absl::StatusOr<std::vector<OdbcTable>> ReadSettledCatalogs() {
    std::set<std::string> chosen;
    return ReadSettled(
        [&](std::int64_t* clock_ms) {
          auto all = ReadCatalogs(clock_ms);
          if (all.ok()) chosen = ChosenNames(*all);
          return all;
        },
        [&](const OdbcTable& table) {
          return chosen.contains(table.name) ? static_cast<std::int64_t>(table.identity) : 0;
        });
  }

  const OdbcReaderOptions options_;
  bool has_told_ = false;  ///< What people should know of the source.
};

}  // namespace

std::unique_ptr<SourceReader> OpenOdbcReader(OdbcReaderOptions options) {
  return std::make_unique<OdbcReader>(std::move(options));
}

}  // namespace mirror
