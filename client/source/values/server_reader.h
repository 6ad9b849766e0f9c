#ifndef MIRROR_CLIENT_SOURCE_VALUES_SERVER_READER_H_
#define MIRROR_CLIENT_SOURCE_VALUES_SERVER_READER_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/source/announced_names.h"
#include "client/source/reader.h"
#include "client/source/rows/sorted_digests.h"
#include "client/source/table_choice.h"
#include "client/source/values/value_scan.h"

namespace mirror {

/// What the readers of all servers' databases have in common. `Look`: has the `sessions`, the `place`, which
/// is what a server says of its database, and whether it `is_over`. `Tables`: the announced ones.
template <typename Look, typename Tables>
class ServerReader : public SourceReader {
 public:
  ~ServerReader() override {
    if (look_ != nullptr) look_->is_over = true;
  }

  SourceMark Mark() const override {
    if (!place_) return {};
    SourceMark mark{place_->name};
    mark.database = place_->identity;
    return mark;
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

  void Forget(const std::string& table) override { tables_.Forget(table); }
  /// An open snapshot keeps the server from cleaning up behind it.
  bool HoldsLog(bool /*closed_later*/) const override { return true; }

 protected:
  using Sessions = typename decltype(Look::sessions)::element_type;
  using Place = decltype(Look::place);

  ServerReader(std::shared_ptr<Sessions> sessions, TableChoice choice, Tables tables)
      : sessions_(std::move(sessions)), tables_(std::move(tables)), choice_(std::move(choice)) {}

  virtual absl::StatusOr<std::unique_ptr<DigestReader>> ScanBy(const std::string& table,
                                                               const std::vector<std::uint32_t>& columns,
                                                               ValueScanRule rule) = 0;

  /// Null: there is none.
  auto Find(const std::string& table) const {
    return look_ == nullptr ? decltype(tables_.Find(table))() : tables_.Find(table);
  }
  static absl::Status Unknown(const std::string& table) {
    return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
  }

  void EndLook() {
    if (look_ != nullptr) look_->is_over = true;
    look_.reset();
    tables_.Clear();
  }
  absl::Status LookAtPlace() {
    ASSIGN_OR_RETURN(place_, sessions_->Look());
    return absl::OkStatus();
  }
  absl::Status KnowPlace() { return place_ ? absl::OkStatus() : LookAtPlace(); }

  /// Of all tables that the catalogs have, by name.
  template <typename Table>
  ChosenTables Choose(const std::vector<Table>& all) const {
    std::vector<std::string> names;
    for (const Table& table : all) names.push_back(table.name);
    ChosenTables chosen = ChooseTables(choice_, names);
    std::sort(chosen.names.begin(), chosen.names.end());
    return chosen;
  }

  /// Those that are chosen.
  template <typename Table>
  std::set<std::string> ChosenNames(const std::vector<Table>& all) const {
    const ChosenTables chosen = Choose(all);
    return {chosen.names.begin(), chosen.names.end()};
  }

  /// By `announce` those of the catalogs' tables that were chosen, by name. `is_readable`: its name can stand
  /// in a statement.
  template <typename Table, typename IsReadable, typename Announce>
  static void AnnounceAll(std::vector<Table> all, ChosenTables chosen, const IsReadable& is_readable,
                          const Announce& announce, SourceSchema* schema) {
    schema->idle_patterns = std::move(chosen.idle_patterns);
    schema->blocked = std::move(chosen.blocked);
    schema->refused = std::move(chosen.refused);
    const std::set<std::string> names(chosen.names.begin(), chosen.names.end());
    AnnouncedNames announced(schema);
    for (Table& table : all) {
      if (names.contains(table.name) && announced.Take(table.name, is_readable(table)))
        schema->tables.push_back(announce(std::move(table)));
    }
    std::sort(schema->tables.begin(), schema->tables.end(),
              [](const SourceTable& a, const SourceTable& b) { return a.schema.name < b.schema.name; });
  }

  const std::shared_ptr<Sessions> sessions_;
  std::optional<Place> place_;
  Tables tables_;
  std::shared_ptr<Look> look_;  ///< Null: there is none.

 private:
  const TableChoice choice_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_VALUES_SERVER_READER_H_
