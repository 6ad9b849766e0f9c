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

// Values of a MariaDB source as its mirror has them, and so the hub and every delivery: RowOf.

namespace mirror {

/// A table of the database, as deliveries call it and as its reader knows it.
struct MariadbMember : ServerMember {  ///< `table.log`: its place among the tables of the look, from 1.
  std::shared_ptr<const KnownMariadbTable> known;

  /// Its rows, behind FROM and UPDATE.
  std::string Rows(const char* alias = "t") const;
  /// In SQL: the row t with this very key, byte for byte.
  std::string KeyIs(const RowOf& key) const;
  /// "t.a, t.b" as the reader asks for them. `of`: what stands before their names.
  std::string Values(const std::vector<std::uint32_t>& columns, std::string_view of = "t.") const;
};

/// A foreign key that changes rows of `child` when rows of `parent` change.
struct MariadbAction {
  std::int64_t child = 0, parent = 0;  ///< By `table.log`.
  bool on_delete = false, on_update = false;
  bool deletes = false;  ///< Where the parent's row goes, the child's goes.
  /// Columns of the child, and of the parent, in SQL.
  std::vector<std::pair<std::string, std::string>> columns;
};

/// All tables of a database as of one look. Errors: those of Connection. Threads: one.
class MariadbMembers {
 public:
  struct Options {
    TableChoice choice = {};
    /// As MariadbReaderOptions has them, of now: asked for at the first look. Empty: there are none.
    std::function<absl::StatusOr<std::map<std::string, std::string>>()> records = {};
    std::map<std::string, std::vector<std::string>> keys = {};
  };
  /// `rules` outlive it.
  MariadbMembers(Options options, const ExchangeRules& rules) : options_(std::move(options)), rules_(rules) {}

  /// Looks anew. What was found by Find() is gone then.
  absl::Status Look(mariadb::Connection& connection);
  /// Whether a table is what it was in the look: in a transaction that has it locked.
  static absl::StatusOr<bool> IsAsLooked(mariadb::Connection& connection, const MariadbMember& member);

  /// By the name under which it is sent; null: there is none that is sent.
  const MariadbMember* Find(const std::string& sent_name) const;
  /// By `table.log`; null: it is none of the database.
  const MariadbMember* FindByPlace(std::int64_t place) const;
  const std::vector<MariadbAction>& actions() const { return actions_; }

  /// Values are not as they were announced: the next look announces them as they are, as the reader does.
  void Keep(const MariadbMember& member, const std::vector<Misfit>& misfits) {
    tables_->Keep(*member.known, misfits);
  }

 private:
  void Take(MariadbTable table, const MariadbSource& place, bool is_sent);
  absl::Status ReadActions(mariadb::Connection& connection);

  const Options options_;
  const ExchangeRules& rules_;
  std::optional<MariadbSourceTables> tables_;       ///< Absent: there was no look yet.
  std::map<std::int64_t, MariadbMember> members_;   ///< By place.
  std::map<std::string, std::int64_t> own_, sent_;  ///< By own name; by folded name under which it is sent.
  std::vector<MariadbAction> actions_;
};

/// As it stands in SQL where it is written into the column: what does not fit MariaDB refuses.
std::string MariadbLiteral(const Column& announced, const sqlite::Value& value);
/// As it travels, in a key.
KeyPart MariadbKeyPart(const Column& announced, const sqlite::Value& value);

/// Rows of a statement whose columns are MariadbMember::Values() of these, by the very conversion of its
/// reader. It is read to its end, whatever `take` says: the first error of that is given back. `doing`:
/// empty: it is read. Errors: kAborted: a value is not as it was announced, which is kept in `members`: look
/// again.
absl::Status ReadMariadbValues(mariadb::Connection& connection, MariadbMembers& members,
                               const MariadbMember& member, const std::vector<std::uint32_t>& columns,
                               const std::string& sql, const std::function<absl::Status(RowOf row)>& take,
                               std::string_view doing = "");

/// The row with this key, byte for byte, whatever the source's collations take for equal: as ReadRow().
/// `locks`: nobody else reads it for a change, until the transaction ends.
absl::StatusOr<std::optional<RowOf>> ReadMariadbRow(mariadb::Connection& connection, MariadbMembers& members,
                                                    const MariadbMember& member, const RowOf& key,
                                                    const std::vector<std::uint32_t>& columns, bool locks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MEMBERS_H_
