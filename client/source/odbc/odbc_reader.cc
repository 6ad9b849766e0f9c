#include "client/source/odbc/odbc_reader.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/utf8.h"
#include "client/source/odbc/odbc_column_look.h"
#include "client/source/odbc/odbc_conditions.h"
#include "client/source/odbc/odbc_key_rows.h"
#include "client/source/odbc/odbc_rows.h"
#include "client/source/odbc/odbc_tables.h"
#include "client/source/rows/sorted_digests.h"
#include "client/source/values/value_scan.h"

namespace mirror {
namespace {

class OdbcReader : public SourceReader {
 public:
  explicit OdbcReader(OdbcReaderOptions options)
      : options_(std::move(options)),
        sessions_(std::make_shared<OdbcSessions>(options_.access)),
        tables_(options_.records, options_.keys, options_.steps) {}
  ~OdbcReader() override {
    if (look_ != nullptr) look_->is_over = true;
  }

  SourceMark Mark() const override {
    if (!place_) return {};
    SourceMark mark{place_->name};
    mark.database = place_->identity;
    return mark;
  }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    if (absl::Status known = KnowPlace(); !known.ok()) return known;
    const absl::StatusOr<std::vector<OdbcTable>> all = ReadCatalogs();
    if (!all.ok()) return all.status();
    return Choose(*all).names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    if (look_ != nullptr) look_->is_over = true;
    look_.reset();
    tables_.Clear();
    // It may be another one by now.
    place_.reset();
    if (absl::Status known = KnowPlace(); !known.ok()) return known;
    absl::StatusOr<std::vector<OdbcTable>> all = ReadCatalogs();
    if (!all.ok()) return all.status();
    ChosenTables chosen = Choose(*all);
    SourceSchema schema;
    schema.idle_patterns = std::move(chosen.idle_patterns);
    schema.blocked = std::move(chosen.blocked);
    if (!std::exchange(has_told_, true)) schema.notes = place_->notes;
    AnnounceAll(*std::move(all), chosen.names, &schema);
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
    std::uint64_t count = 0;
    absl::StatusOr<bool> more = rows.Next();
    for (; more.ok() && *more; more = rows.Next()) ++count;
    return more.ok() ? absl::StatusOr<std::uint64_t>(count) : more.status();
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
    const bool own = known == nullptr || !known->key_is_given || known->schema.Key().empty();
    return own ? RepeatedKeys::kNever : RepeatedKeys::kMistake;
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    absl::StatusOr<std::unique_ptr<DigestReader>> scan = Scan(table, columns);
    if (!scan.ok()) return scan;
    return SortRows(*std::move(scan), Find(table)->schema.Key().size());
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                     const std::vector<std::uint32_t>& columns) override {
    return ScanBy(table, columns, {});
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) override {
    return ScanBy(table, columns, {std::nullopt, /*by_column=*/true});
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns,
                                                         const RowBound& bound) override {
    return ScanBy(table, columns, {bound, bound.by_column});
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

  void Forget(const std::string& table) override { tables_.Forget(table); }
  /// An open snapshot keeps the database from cleaning up behind it.
  bool HoldsLog(bool /*closed_later*/) const override { return true; }

 private:
  std::shared_ptr<const KnownOdbcTable> Find(const std::string& table) const {
    return look_ == nullptr ? nullptr : tables_.Find(table);
  }
  static absl::Status Unknown(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanBy(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       ValueScanRule rule) {
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

  absl::Status KnowPlace() {
    if (place_) return absl::OkStatus();
    absl::StatusOr<OdbcPlace> place = sessions_->Look();
    if (!place.ok()) return place.status();
    place_ = *std::move(place);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<OdbcTable>> ReadCatalogs() {
    absl::StatusOr<std::unique_ptr<odbc::Connection>> connection = sessions_->Take();
    if (!connection.ok()) return connection.status();
    absl::StatusOr<std::vector<OdbcTable>> all = sessions_->dialect().Tables(**connection);
    sessions_->GiveBack(*std::move(connection));
    return all;
  }

  ChosenTables Choose(const std::vector<OdbcTable>& all) const {
    std::vector<std::string> names;
    for (const OdbcTable& table : all) names.push_back(table.name);
    std::sort(names.begin(), names.end());
    return ChooseTables(options_.choice, names);
  }

  /// Of two whose names are one in the mirror the first one stays what it is.
  void AnnounceAll(std::vector<OdbcTable> all, const std::vector<std::string>& names, SourceSchema* schema) {
    const std::set<std::string> chosen(names.begin(), names.end());
    std::map<std::string, std::string> folded;
    for (OdbcTable& table : all) {
      const std::string name = table.name;
      if (!chosen.contains(name)) continue;
      if (const absl::Status checked = CheckName(name, "its name"); !checked.ok()) {
        schema->refused.push_back(
            {CountUtf8(name) ? name : "(a name that is not UTF-8)", std::string(checked.message())});
        continue;
      }
      const auto [other, is_new] = folded.try_emplace(FoldName(name), name);
      if (!is_new) {
        schema->refused.push_back(
            {name, absl::StrCat("its name differs from that of '", other->second,
                                "' by upper and lower case alone, which are one in a mirror: leave one of "
                                "them out with 'skip'")});
        continue;
      }
      schema->tables.push_back(tables_.Announce(std::move(table), &schema->notes));
    }
    std::sort(schema->tables.begin(), schema->tables.end(),
              [](const SourceTable& a, const SourceTable& b) { return a.schema.name < b.schema.name; });
  }

  const OdbcReaderOptions options_;
  const std::shared_ptr<OdbcSessions> sessions_;
  std::optional<OdbcPlace> place_;
  OdbcSourceTables tables_;
  bool has_told_ = false;           ///< What people should know of the source.
  std::shared_ptr<OdbcLook> look_;  ///< Null: there is none.
};

}  // namespace

std::unique_ptr<SourceReader> OpenOdbcReader(OdbcReaderOptions options) {
  return std::make_unique<OdbcReader>(std::move(options));
}

}  // namespace mirror
