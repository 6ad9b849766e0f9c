#include "client/source/mariadb/mariadb_reader.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/utf8.h"
#include "client/source/mariadb/mariadb_column_look.h"
#include "client/source/mariadb/mariadb_key_rows.h"
#include "client/source/mariadb/mariadb_objects.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/mariadb/mariadb_tables.h"
#include "client/source/rows/sorted_digests.h"
#include "client/source/values/value_scan.h"

namespace mirror {
namespace {

class MariadbReader : public SourceReader {
 public:
  explicit MariadbReader(MariadbReaderOptions options)
      : options_(std::move(options)),
        sessions_(std::make_shared<MariadbSessions>(options_.access)),
        tables_(options_.records, options_.keys, options_.steps) {}
  ~MariadbReader() override {
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
    const absl::StatusOr<MariadbLease> lease = sessions_->Take(MariadbUse::kCatalogs);
    if (!lease.ok()) return lease.status();
    const absl::StatusOr<std::vector<MariadbTable>> all = ReadMariadbTables(**lease);
    if (!all.ok()) return all.status();
    return Choose(*all).names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    if (look_ != nullptr) look_->is_over = true;
    look_.reset();
    tables_.Clear();
    // It may be another one by now.
    absl::StatusOr<MariadbSource> place = sessions_->Look();
    if (!place.ok()) return place.status();
    place_ = *std::move(place);
    const absl::StatusOr<MariadbLease> lease = sessions_->Take(MariadbUse::kCatalogs);
    if (!lease.ok()) return lease.status();
    absl::StatusOr<std::vector<MariadbTable>> all = ReadMariadbTables(**lease);
    if (!all.ok()) return all.status();
    ChosenTables chosen = Choose(*all);
    SourceSchema schema;
    schema.idle_patterns = std::move(chosen.idle_patterns);
    schema.blocked = std::move(chosen.blocked);
    AnnounceAll(*std::move(all), chosen.names, &schema);
    if (absl::Status added = AddObjects(**lease, &schema); !added.ok()) return added;
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
    if (known == nullptr) return UnknownTable(table);
    if (!known->steps || known->steps->where.empty()) return CountMariadbRows(*look_, *known);
    MariadbSourceRows rows(look_, known, {{0}});
    std::uint64_t count = 0;
    absl::StatusOr<bool> more = rows.Next();
    for (; more.ok() && *more; more = rows.Next()) ++count;
    return more.ok() ? absl::StatusOr<std::uint64_t>(count) : more.status();
  }

  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    const auto known = Find(table);
    if (known == nullptr) return UnknownTable(table);
    if (options_.log != nullptr) {
      if (absl::Status readable = options_.log->CheckReadable(known->table); !readable.ok()) return readable;
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
    if (known == nullptr) return UnknownTable(table);
    if (absl::Status readable = options_.log->CheckReadable(known->table); !readable.ok()) return readable;
    return options_.log->Changes(look_, known, {from, columns, whole_rows, std::move(also)});
  }

  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    const auto known = Find(table);
    // A key of the configuration is one that MariaDB does not see to.
    const bool own = known == nullptr || !known->table.key.empty() || known->schema.Key().empty();
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
    if (known == nullptr) return UnknownTable(table);
    return LookAtMariadbColumn(look_, known, column);
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    const auto known = Find(table);
    if (known == nullptr) return UnknownTable(table);
    return ReadMariadbKeyRows(look_, known, columns, std::move(keys));
  }

  void Forget(const std::string& table) override { tables_.Forget(table); }
  /// An open snapshot keeps the server from purging what was changed since.
  bool HoldsLog(bool /*closed_later*/) const override { return true; }

 private:
  std::shared_ptr<const KnownMariadbTable> Find(const std::string& table) const {
    return look_ == nullptr ? nullptr : tables_.Find(table);
  }
  static absl::Status UnknownTable(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  absl::StatusOr<std::unique_ptr<DigestReader>> ScanBy(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       ValueScanRule rule) {
    const auto known = Find(table);
    if (known == nullptr) return UnknownTable(table);
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

  absl::Status KnowPlace() {
    if (place_) return absl::OkStatus();
    absl::StatusOr<MariadbSource> place = sessions_->Look();
    if (!place.ok()) return place.status();
    place_ = *std::move(place);
    return absl::OkStatus();
  }

  ChosenTables Choose(const std::vector<MariadbTable>& all) const {
    std::vector<std::string> names;
    for (const MariadbTable& table : all) names.push_back(table.name);
    return ChooseTables(options_.choice, names);
  }

  /// They come by the bytes of their names: of two that are one in the mirror the first one counts.
  void AnnounceAll(std::vector<MariadbTable> all, const std::vector<std::string>& names,
                   SourceSchema* schema) {
    const std::set<std::string> chosen(names.begin(), names.end());
    std::map<std::string, std::string> folded;
    for (MariadbTable& table : all) {
      const std::string name = table.name;
      if (!chosen.contains(name)) continue;
      if (const absl::Status checked = CheckName(name, "its name"); !checked.ok() || table.quoted.empty()) {
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
      schema->tables.push_back(tables_.Announce(std::move(table), *place_, &schema->notes));
    }
  }

  absl::Status AddObjects(mariadb::Connection& connection, SourceSchema* schema) {
    std::map<std::string, const TableSchema*> tables;
    std::map<std::string, const MariadbTable*> catalog;
    for (const SourceTable& table : schema->tables) {
      tables[table.schema.name] = &table.schema;
      catalog[table.schema.name] = &tables_.Find(table.schema.name)->table;
    }
    absl::StatusOr<std::map<std::string, SourceObjects>> objects =
        ReadMariadbObjects(connection, tables, catalog);
    if (!objects.ok()) return objects.status();
    for (SourceTable& table : schema->tables) table.objects = std::move((*objects)[table.schema.name]);
    return absl::OkStatus();
  }

  const MariadbReaderOptions options_;
  const std::shared_ptr<MariadbSessions> sessions_;
  std::optional<MariadbSource> place_;
  MariadbSourceTables tables_;
  std::shared_ptr<MariadbLook> look_;  ///< Null: there is none.
};

}  // namespace

std::unique_ptr<SourceReader> OpenMariadbReader(MariadbReaderOptions options) {
  return std::make_unique<MariadbReader>(std::move(options));
}

}  // namespace mirror
