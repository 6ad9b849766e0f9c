#include "client/exchange/mariadb/mariadb_swap.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"
#include "client/exchange/mariadb/mariadb_values.h"

namespace mirror {
namespace {

using mariadb::QuotedText;

constexpr char kSwapping[] = "applying deliveries together";
/// ER_DUP_KEY, ER_DUP_ENTRY, ER_DUP_UNIQUE, ER_DUP_ENTRY_WITH_KEY_NAME.
constexpr unsigned int kTaken[] = {1022, 1062, 1169, 1586};

const MariadbMember& OwnOf(const ServerMember& member) { return static_cast<const MariadbMember&>(member); }

std::string QuotedColumn(const MariadbMember& member, std::uint32_t column) {
  // Names that cannot be written are those of tables that are not announced.
  return absl::StrCat("t.", mariadb::QuotedName(member.known->table.columns[column].name).value_or("``"));
}

/// No constraint of MariaDB waits.
class MariadbSwap : public SwapDatabase {
 public:
  MariadbSwap(mariadb::Connection& connection, MariadbMembers& members)
      : connection_(connection), members_(members) {}
  absl::Status End() override { return absl::OkStatus(); }

  bool IsTaken(const absl::Status& status) const override {
    return std::find(std::begin(kTaken), std::end(kTaken), mariadb::FailureOf(status).number) !=
           std::end(kTaken);
  }

  absl::Status Begin() override { return connection_.Execute("SAVEPOINT _mirror_swap", kSwapping); }

  absl::Status TakeBack() override {
    return connection_.Execute("ROLLBACK TO SAVEPOINT _mirror_swap", kSwapping);
  }

  /// Without those over the first characters of a column.
  absl::StatusOr<std::vector<UniqueColumns>> FindUnique(const ServerMember& member) override {
    const MariadbTable& table = OwnOf(member).known->table;
    const std::string database = QuotedText(connection_.dsn().database), name = QuotedText(table.name);
    ASSIGN_OR_RETURN(
        const mariadb::Rows rows,
        connection_.Query(
            absl::StrCat(
                "SELECT s.INDEX_NAME, s.COLUMN_NAME, s.SUB_PART IS NOT NULL, EXISTS (SELECT 1 FROM "
                "information_schema.KEY_COLUMN_USAGE f WHERE f.REFERENCED_TABLE_SCHEMA = ",
                database, " AND f.REFERENCED_TABLE_NAME = ", name,
                " AND f.REFERENCED_COLUMN_NAME = s.COLUMN_NAME) FROM information_schema.STATISTICS s "
                "WHERE s.TABLE_SCHEMA = ",
                database, " AND s.TABLE_NAME = ", name,
                " AND s.NON_UNIQUE = 0 AND s.INDEX_NAME <> 'PRIMARY' ORDER BY BINARY s.INDEX_NAME, "
                "s.SEQ_IN_INDEX"),
            kSwapping));
    std::vector<UniqueColumns> found;
    bool is_known = false;
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      if (row == 0 || rows.Text(row, 0) != rows.Text(row - 1, 0)) {
        if (row > 0 && !is_known) found.pop_back();
        found.emplace_back();
        is_known = true;
      }
      const std::optional<std::size_t> place = table.PlaceOf(rows.Text(row, 1));
      is_known = is_known && place && !rows.Bool(row, 2);
      if (!place) continue;
      const auto column = static_cast<std::uint32_t>(*place);
      found.back().columns.push_back(column);
      if (rows.Bool(row, 3)) found.back().referred.insert(column);
    }
    if (!found.empty() && !is_known) found.pop_back();
    return found;
  }

  absl::StatusOr<std::vector<RowOf>> FindKeys(const ServerMember& member, const UniqueColumns& unique,
                                              const RowOf& values) override {
    const MariadbMember& own = OwnOf(member);
    std::vector<std::string> terms;
    for (std::size_t i = 0; i < unique.columns.size(); ++i) {
      const std::uint32_t column = unique.columns[i];
      // By the column's own collation.
      terms.push_back(absl::StrCat(QuotedColumn(own, column), " = ",
                                   MariadbLiteral(own.known->schema.columns[column], values[i])));
    }
    std::vector<RowOf> keys;
    RETURN_IF_ERROR(
        ReadMariadbValues(connection_, members_, own, own.table.key,
                          absl::StrCat("SELECT ", own.Values(own.table.key), " FROM ", own.Rows(), " WHERE ",
                                       absl::StrJoin(terms, " AND "), " LIMIT ", ServerSwap::kRowsMax + 1),
                          [&](RowOf key) {
                            keys.push_back(std::move(key));
                            return absl::OkStatus();
                          }));
    return keys;
  }

  absl::StatusOr<bool> SetToNull(const DeliveryTask& task, const ServerMember& member,
                                 const std::set<std::uint32_t>& columns) override {
    const MariadbMember& own = OwnOf(member);
    std::vector<std::string> sets;
    for (const std::uint32_t column : columns)
      sets.push_back(absl::StrCat(QuotedColumn(own, column), " = NULL"));
    ASSIGN_OR_RETURN(const std::int64_t before, CountWritten());
    RETURN_IF_ERROR(
        connection_.Execute(absl::StrCat("UPDATE ", own.Rows(), " SET ", absl::StrJoin(sets, ", "), " WHERE ",
                                         own.KeyIs(task.key)),
                            kSwapping));
    ASSIGN_OR_RETURN(const std::int64_t behind, CountWritten());
    return behind - before == 1;
  }

 private:
  /// Rows that statements of this session wrote, those of triggers, too.
  absl::StatusOr<std::int64_t> CountWritten() {
    ASSIGN_OR_RETURN(const mariadb::Rows rows,
                     connection_.Query("SHOW SESSION STATUS WHERE Variable_name IN ('Handler_write', "
                                       "'Handler_update', 'Handler_delete')",
                                       kSwapping));
    std::int64_t written = 0;
    for (std::size_t row = 0; row < rows.rows(); ++row) written += rows.Int(row, 1);
    return written;
  }

  mariadb::Connection& connection_;
  MariadbMembers& members_;
};

}  // namespace

std::unique_ptr<SwapDatabase> MakeMariadbSwap(mariadb::Connection& connection, MariadbMembers& members) {
  return std::make_unique<MariadbSwap>(connection, members);
}

}  // namespace mirror
