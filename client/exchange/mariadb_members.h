#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MEMBERS_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MEMBERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/exchange_rules.h"
#include "client/source/mariadb/mariadb_tables.h"
#include "client/source/table_choice.h"
#include "proto/wire/key_range.h"

// RowOf holds values of a MariaDB source in the form of its mirror, and so of the hub and every delivery.

namespace mirror {

/// A table of the database, as deliveries name it and as its reader knows it.
struct MariadbMember : ServerMember {  ///< `table.log`: its number among the tables of Look(), from 1.
  std::shared_ptr<const KnownMariadbTable> known;

  /// The table with its alias, to follow FROM and UPDATE.
  std::string Rows(const char* alias = "t") const;
  /// In SQL: the condition for the row t with exactly this key, byte for byte.
  std::string KeyIs(const RowOf& key) const;
  /// Returns "t.a, t.b", the terms that the reader selects. `of`: the prefix of the names.
  std::string Values(const std::vector<std::uint32_t>& columns, std::string_view of = "t.") const;
};

/// A foreign key that changes rows of `child` when rows of `parent` change.
struct MariadbAction {
  std::int64_t child = 0, parent = 0;  ///< By `table.log`.
  bool on_delete = false, on_update = false;
  bool deletes = false;  ///< A delete of the parent's row deletes the child's.
  /// Columns of the child, and of the parent, in SQL.
  std::vector<std::pair<std::string, std::string>> columns;
};

/// All tables of a database as of one reading. Errors: those of Connection. Threads: one.
class MariadbMembers {
 public:
  struct Options {
    TableChoice choice = {};
    /// See MariadbReaderOptions; called at the first Look(). Empty: there are none.
    std::function<absl::StatusOr<std::map<std::string, std::string>>()> records = {};
    std::map<std::string, std::vector<std::string>> keys = {};
  };
  /// `rules` outlive it.
  MariadbMembers(Options options, const ExchangeRules& rules) : options_(std::move(options)), rules_(rules) {}

  /// Reads the catalog again. Invalidates results of Find().
  absl::Status Look(mariadb::Connection& connection);
  /// Whether a table is unchanged since Look(): in a transaction that has it locked.
  static absl::StatusOr<bool> IsAsLooked(mariadb::Connection& connection, const MariadbMember& member);

  /// Finds a table by the name under which it is sent; null: no sent table has it.
  const MariadbMember* Find(const std::string& sent_name) const;
  /// Finds a table by `table.log`; null: the database has none.
  const MariadbMember* FindByPlace(std::int64_t place) const;
  const std::vector<MariadbAction>& actions() const { return actions_; }

  /// Records values that do not fit their announced type: the next Look() corrects it, as the reader does.
  void Keep(const MariadbMember& member, const std::vector<Misfit>& misfits) {
    tables_->Keep(*member.known, misfits);
  }

 private:
  void Take(MariadbTable table, const MariadbSource& place, bool is_sent);
  absl::Status ReadActions(mariadb::Connection& connection);

  const Options options_;
  const ExchangeRules& rules_;
  std::optional<MariadbSourceTables> tables_;       ///< Absent: Look() was not called yet.
  std::map<std::int64_t, MariadbMember> members_;   ///< By `table.log`.
  std::map<std::string, std::int64_t> own_, sent_;  ///< By own name; by folded sent name.
  std::vector<MariadbAction> actions_;
};

/// Returns the SQL text that writes the value into the column; MariaDB rejects one that does not fit.
std::string MariadbLiteral(const Column& announced, const sqlite::Value& value);
/// Returns the value in the form in which keys are sent.
KeyPart MariadbKeyPart(const Column& announced, const sqlite::Value& value);

/// Reads rows of a statement that selects MariadbMember::Values() of these columns, with the
/// conversion of its reader. It reads to the end even after an error of `take`, and returns
/// the first one. `doing`: for error messages; empty: reading. Errors: kAborted: a value
/// does not fit its announced type, which is recorded in `members`: call Look() again.
absl::Status ReadMariadbValues(mariadb::Connection& connection, MariadbMembers& members,
                               const MariadbMember& member, const std::vector<std::uint32_t>& columns,
                               const std::string& sql, const std::function<absl::Status(RowOf row)>& take,
                               std::string_view doing = "");

/// Reads the row with this key, byte for byte, even if the collation finds other keys equal; see
/// ReadRow(). `locks`: no other session can read it for a change until the transaction ends.
absl::StatusOr<std::optional<RowOf>> ReadMariadbRow(mariadb::Connection& connection, MariadbMembers& members,
                                                    const MariadbMember& member, const RowOf& key,
                                                    const std::vector<std::uint32_t>& columns, bool locks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MEMBERS_H_
