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

/// Converts a value of the database to the form of ledger and hub.
Literal ToLiteral(const sqlite::Value& value);

/// A row's values of some columns, in their order.
using RowOf = std::vector<sqlite::Value>;

/// A mirrored table of the source, under the name that deliveries use.
struct MemberTable {
  std::string sent_name;
  SourcePlan plan;       ///< The table in the source, before its steps.
  TableSteps steps;      ///< Empty: it is sent as it is.
  std::int64_t log = 0;  ///< Id of its change log.
  std::vector<std::uint32_t> key;

  const std::string& name() const { return plan.schema.name; }
  /// Index in `plan` of a column by the name under which it is sent; absent: there is none.
  std::optional<std::uint32_t> FindSent(const std::string& column) const;
  /// Why a delivery can neither write nor compare it, for people; empty: it can.
  std::string Obstacle(std::uint32_t column) const;
  std::string SentColumn(std::uint32_t column) const;
  /// All columns whose values are sent unchanged.
  std::vector<std::uint32_t> PlainColumns() const;
  /// The columns of the key, followed by these.
  std::vector<std::uint32_t> KeyAnd(const std::vector<std::uint32_t>& columns) const;
  /// Returns a key in the form of ledger and hub: days, moments and UUIDs as they are sent.
  std::string TravellingKey(const RowOf& values) const;
  /// Converts a part of a key to the value that the mirror shows.
  sqlite::Value ShownPart(std::uint32_t column, sqlite::Value part) const;
  /// In SQL: the condition for the row whose key is bound from the place `first` on.
  std::string KeyIs(int first) const;
};

/// To be called in a look or a change. Absent: there is no such row. Errors: those of SqliteFile.
absl::StatusOr<std::optional<RowOf>> ReadRow(const SqliteFile& file, const MemberTable& table,
                                             const RowOf& key, const std::vector<std::uint32_t>& columns);
/// Returns a column of the row that holds an infinity, by the source's own
/// name. No mirror can hold an infinity, so the table could not be sent any
/// more. Empty: there is none, or no such row. Errors: those of SqliteFile.
absl::StatusOr<std::string> FindInfinity(const SqliteFile& file, const MemberTable& table, const RowOf& key);
/// Returns the digest that the mirror's side computes for a row with these values.
std::uint64_t DigestOf(const RowOf& values);

/// The tables of a source that have a change log. Threads: one.
class MemberTables {
 public:
  /// `file` and `rules` outlive it.
  MemberTables(const SqliteFile& file, const ExchangeRules& rules) : file_(file), rules_(rules) {}

  /// To be called in a look or a change, before the others:
  /// forgets all tables if the schema changed. True: it did.
  absl::StatusOr<bool> Refresh();
  /// Finds a table by the name it is sent under; null: there is none. Valid until Refresh() returns true.
  absl::StatusOr<const MemberTable*> Find(const std::string& sent_name);
  /// Finds a table by its log.
  absl::StatusOr<const MemberTable*> FindByLog(std::int64_t log);
  /// The source's own names, by log.
  const std::map<std::int64_t, std::string>& names() const { return names_; }

 private:
  absl::StatusOr<const MemberTable*> Get(std::int64_t log, const std::string& name);

  const SqliteFile& file_;
  const ExchangeRules& rules_;
  std::int64_t schema_version_ = -1;
  std::map<std::int64_t, std::string> names_;   ///< The source's own names, by log.
  std::map<std::string, std::int64_t> logs_;    ///< By folded name under which it is sent.
  std::map<std::int64_t, MemberTable> tables_;  ///< Tables that were asked for so far.
};

/// Converts a reader's value to the form that mirror, hub and deliveries use: see AddValueToDigest().
sqlite::Value AsMirrored(const Column& column, const Value& value);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MEMBER_TABLE_H_
