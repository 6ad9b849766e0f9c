#ifndef MIRROR_CLIENT_EXCHANGE_MEMBER_TABLE_H_
#define MIRROR_CLIENT_EXCHANGE_MEMBER_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/exchange_rules.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "client/source/sqlite/file/sqlite_schema.h"
#include "client/source/sqlite/log/log_tables.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// A value as ledger and hub have it, and as the database has it.
Literal ToLiteral(const sqlite::Value& value);

/// A row's values of some columns, in their order.
using RowOf = std::vector<sqlite::Value>;

/// A table of the source that is mirrored, as deliveries call it.
struct MemberTable {
  std::string sent_name;
  SourcePlan plan;       ///< As it stands in the source, without what its steps make of it.
  TableSteps steps;      ///< Without any: it is sent as it is.
  std::int64_t log = 0;  ///< Of its changes.
  std::vector<std::uint32_t> key;

  const std::string& name() const { return plan.schema.name; }
  /// Index in `plan` of a column by the name under which it is sent; absent: there is none.
  std::optional<std::uint32_t> FindSent(const std::string& column) const;
  /// Why a delivery can neither write nor compare it, for people; empty: it can.
  std::string Obstacle(std::uint32_t column) const;
  std::string SentColumn(std::uint32_t column) const;
  /// All columns whose values are sent as they stand.
  std::vector<std::uint32_t> PlainColumns() const;
  /// The columns of the key, and these behind them.
  std::vector<std::uint32_t> KeyAnd(const std::vector<std::uint32_t>& columns) const;
  /// A key as ledger and hub have it: a day, a moment or a UUID as it travels.
  std::string TravellingKey(const RowOf& values) const;
  /// A part of it as the mirror shows it.
  sqlite::Value ShownPart(std::uint32_t column, sqlite::Value part) const;
  /// In SQL: the row with the key that is bound from the place `first` on.
  std::string KeyIs(int first) const;
};

/// In a look or a change. Absent: there is no such row. Errors: those of SqliteFile.
absl::StatusOr<std::optional<RowOf>> ReadRow(const SqliteFile& file, const MemberTable& table,
                                             const RowOf& key, const std::vector<std::uint32_t>& columns);
/// Returns a column of the row in which an infinity stands, by the source's own name: no mirror can hold it,
/// so that nothing more of the table could be sent. Empty: there is none, or no such row. Errors: those of
/// SqliteFile.
absl::StatusOr<std::string> FindInfinity(const SqliteFile& file, const MemberTable& table, const RowOf& key);
/// The digest of a row as the mirror's side computes it over these values.
std::uint64_t DigestOf(const RowOf& values);

/// The tables of a source that have a change log. Threads: one.
class MemberTables {
 public:
  /// `file` and `rules` outlive it.
  MemberTables(const SqliteFile& file, const ExchangeRules& rules) : file_(file), rules_(rules) {}

  /// In a look or a change, before the others: whatever was known of another schema is forgotten. True: it
  /// was.
  absl::StatusOr<bool> Refresh();
  /// By the name under which it is sent; null: there is none. Valid until Refresh() says true.
  absl::StatusOr<const MemberTable*> Find(const std::string& sent_name);
  /// The same by its log.
  absl::StatusOr<const MemberTable*> FindByLog(std::int64_t log);
  /// The source's own names, by log.
  const std::map<std::int64_t, std::string>& names() const { return names_; }

 private:
  absl::StatusOr<const MemberTable*> Get(std::int64_t log, const std::string& name);

  const SqliteFile& file_;
  const ExchangeRules& rules_;
  std::int64_t schema_version_ = -1;
  std::map<std::int64_t, std::string> names_;   ///< By log: the source's own.
  std::map<std::string, std::int64_t> logs_;    ///< By folded name under which it is sent.
  std::map<std::int64_t, MemberTable> tables_;  ///< Those that were asked for.
};

/// A value that a reader gives, as its mirror keeps it, and so hub and deliveries: see AddValueToDigest().
sqlite::Value AsMirrored(const Column& column, const Value& value);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MEMBER_TABLE_H_
