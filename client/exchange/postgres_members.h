#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_MEMBERS_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_MEMBERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/sqlite/value.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/member_table.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/postgres/postgres_tables.h"
#include "client/source/table_choice.h"

// Values of a PostgreSQL source as its mirror has them, and so the hub and every delivery: RowOf.

namespace mirror {

/// A table of the schema, as deliveries call it and as its reader knows it.
struct PostgresMember : ServerMember {  ///< `table.log`: the table's oid.
  std::shared_ptr<const KnownPostgresTable> known;

  /// Its rows, behind FROM, UPDATE and DELETE FROM.
  std::string Rows(const char* alias = "t") const;
  /// In SQL: the row of `alias` with the key that is bound from the place `first` on.
  std::string KeyIs(int first, const char* alias = "t") const;
  /// "t.a, t.b" as the reader asks for them.
  std::string Values(const std::vector<std::uint32_t>& columns) const;
};

/// A foreign key that changes rows of `child` when rows of `parent` change.
struct PostgresAction {
  std::uint32_t child = 0, parent = 0;  ///< By oid.
  bool on_delete = false, on_update = false;
  bool deletes = false;  ///< Where the parent's row goes, the child's goes.
  std::string matches;   ///< That the row t of the child is one of the row p of the parent, in SQL.
};

/// All tables of a schema as of one look. Errors: those of Connection. Threads: one.
class PostgresMembers {
 public:
  struct Options {
    std::string schema;
    TableChoice choice = {};
    /// As PostgresReaderOptions has them, of now: asked for at the first look. Empty: there are none.
    std::function<absl::StatusOr<std::map<std::string, std::string>>()> records = {};
    std::map<std::string, std::vector<std::string>> keys = {};
  };
  /// `rules` outlive it.
  PostgresMembers(Options options, const ExchangeRules& rules)
      : options_(std::move(options)), rules_(rules) {}

  /// Looks anew. What was found by Find() is gone then.
  absl::Status Look(postgres::Connection& connection);
  /// Whether a table is what it was in the look: in a transaction that has it locked.
  absl::StatusOr<bool> IsAsLooked(postgres::Connection& connection, const PostgresMember& member) const;

  /// By the name under which it is sent; null: there is none that is sent.
  const PostgresMember* Find(const std::string& sent_name) const;
  /// By its own name in the source, in any case; null: there is none that is sent.
  const PostgresMember* FindOwn(const std::string& name) const;
  /// All that are sent.
  std::vector<const PostgresMember*> Sent() const;
  /// Null: it is none of the schema.
  const PostgresMember* FindByOid(std::uint32_t oid) const;
  const std::vector<PostgresAction>& actions() const { return actions_; }

  /// Values are not as they were announced: the next look announces them as they are, as the reader does.
  void Keep(const PostgresMember& member, const std::vector<Misfit>& misfits) {
    tables_->Keep(*member.known, misfits);
  }

 private:
  void Take(PostgresTable table, bool is_sent);
  absl::Status ReadActions(postgres::Connection& connection);

  const Options options_;
  const ExchangeRules& rules_;
  std::optional<PostgresSourceTables> tables_;       ///< Absent: there was no look yet.
  std::map<std::uint32_t, PostgresMember> members_;  ///< By oid.
  std::map<std::string, std::uint32_t> sent_;        ///< By folded name under which it is sent.
  std::vector<PostgresAction> actions_;
};

/// As PostgreSQL reads it into the column; absent: NULL.
std::optional<std::string> PostgresText(const PostgresColumn& column, const sqlite::Value& value);

/// Values that are bound, and live as long as this.
class PostgresTexts {
 public:
  /// The next place.
  void Add(const PostgresColumn& column, const sqlite::Value& value) {
    texts_.push_back(PostgresText(column, value));
  }
  void AddKey(const PostgresMember& member, const RowOf& key);
  std::vector<postgres::Value> values() const;

 private:
  std::vector<std::optional<std::string>> texts_;
};

/// Rows of a statement whose columns are these of the table, by the very conversion of its reader. `take`:
/// says what ends it. `doing`: empty: it is read. Errors: kAborted: a value is not as it was announced, which
/// is kept in `members`: look again.
absl::Status ReadPostgresValues(postgres::Connection& connection, PostgresMembers& members,
                                const PostgresMember& member, const std::vector<std::uint32_t>& columns,
                                const std::string& sql, const PostgresTexts& bound,
                                const std::function<absl::Status(RowOf row)>& take,
                                std::string_view doing = "");

/// The row with this key, byte for byte, whatever the source's collations take for equal: as ReadRow().
/// `locks`: until the transaction ends.
absl::StatusOr<std::optional<RowOf>> ReadPostgresRow(postgres::Connection& connection,
                                                     PostgresMembers& members, const PostgresMember& member,
                                                     const RowOf& key,
                                                     const std::vector<std::uint32_t>& columns, bool locks);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_MEMBERS_H_
