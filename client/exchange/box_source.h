#ifndef MIRROR_CLIENT_EXCHANGE_BOX_SOURCE_H_
#define MIRROR_CLIENT_EXCHANGE_BOX_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/member_table.h"
#include "proto/wire/table.h"

namespace mirror {

/// A row of an answer: whole numbers, texts and NULL; true is 1.
using BoxRow = std::vector<Literal>;
/// Returns the number; 0: the value is no number.
std::int64_t BoxNumber(const Literal& value);
/// Returns the text; empty: the value is no text.
std::string BoxString(const Literal& value);

/// Statements over the tables in which a source shows its exchange. All kinds of databases
/// use the same SQL text: `?1`, `?2`, … are parameters, and IS DISTINCT FROM compares
/// with NULL. They touch few rows at a time, and none of the application's tables.
/// Errors: those of the source's connection. Threads: the connection's.
class BoxSql {
 public:
  virtual ~BoxSql() = default;

  /// Terms of CREATE TABLE that differ between databases.
  struct Dialect {
    const char* number;                             ///< The type of whole numbers.
    const char* next_number;                        ///< The type of a column that numbers its rows.
    std::string (*time_order)(const std::string&);  ///< See ComparableTime() of the kind.
    std::string (*bytes_of)(const std::string&);    ///< In SQL: the number of bytes of a text.
  };
  virtual Dialect dialect() const = 0;
  /// Returns the name of a table for use in statements.
  virtual std::string Named(std::string_view table) const = 0;
  /// Returns "name ON table" of CREATE INDEX.
  virtual std::string IndexOn(std::string_view name, std::string_view table) const = 0;
  /// Describes, for an error message, where the tables are.
  virtual std::string Place() const = 0;

  /// Runs one statement. It may be sent later: then Query() or the end of the change has its error.
  virtual absl::Status Run(const std::string& sql, std::vector<Literal> bound = {}) = 0;
  virtual absl::StatusOr<std::vector<BoxRow>> Query(const std::string& sql,
                                                    std::vector<Literal> bound = {}) = 0;
  /// Runs `work` in a transaction: all of it or nothing. A nested call joins
  /// the outer change. An outer call may run `work` again after a rollback.
  virtual absl::Status Change(const std::function<absl::Status()>& work) = 0;

  /// To be called in a change after row `id` was written: the box's own numbers continue after it.
  virtual absl::Status KeepNumber(std::string_view box, std::int64_t id) = 0;

  /// Returns folded names. Empty: there is no such table or view.
  virtual absl::StatusOr<std::set<std::string>> ColumnsOf(std::string_view table) = 0;

  /// Returns the first value of the only row.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::vector<Literal> bound = {});
};

/// A row that the application changed, as the outbox needs it.
struct ChangedForBox {
  const MemberTable* table = nullptr;
  RowOf key;
  bool whole = false;                    ///< Inserted, deleted or moved; else only updated:
  std::set<std::uint32_t> columns = {};  ///< these, as indexes in the table's plan.
  bool ended = false;                    ///< A row with this key was deleted, even if one exists now.
  std::optional<RowOf> row;              ///< Its present PlainColumns(); absent: it was deleted.
};

/// Splits a box's id of a row; for a key of several columns it is a JSON array of
/// texts or whole numbers. Absent: it is not the id of a key with so many columns.
std::optional<std::vector<std::string>> BoxKeyParts(const std::string& key, std::size_t count);

/// Makes a text value from the text of a box.
sqlite::Value BoxText(std::string text);
/// Parses the text of a box as a whole number; absent: it is none, or does not fit in 64 bits.
std::optional<sqlite::Value> BoxWholeNumber(const std::string& text);

/// The database of a source for the code that shows its exchange: the
/// agent's own tables, the names of mirrored tables, and changes in them.
/// To be called in a change. Errors: those of BoxSql. Threads: one.
class BoxSource {
 public:
  virtual ~BoxSource() = default;

  virtual BoxSql& sql() = 0;
  /// Finds a table by the name under which it is sent; null: there is none. Valid for the change.
  virtual absl::StatusOr<const MemberTable*> Find(const std::string& sent_name) = 0;

  /// Reports changes of the application since the last call, each key
  /// once, for about `limit` changes of a table. True: there are more.
  virtual absl::StatusOr<bool> TakeChanges(std::int64_t limit,
                                           const std::function<absl::Status(const ChangedForBox&)>& tell) = 0;
  /// Skips all changes made until now.
  virtual absl::Status PassChanges() = 0;
  /// Called before an import writes. True: its writes will not be among the changes. False:
  /// the caller has to take the changes now, and to call PassChanges() after the import.
  virtual absl::StatusOr<bool> HideImport() = 0;
  /// Makes the next push send the present state of a row, or its deletion. `table`: the source's own
  /// name, in any case. `key`: a box's id of the row. False: it names no row that could be sent.
  virtual absl::StatusOr<bool> SendRow(const std::string& table, const std::string& key) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_BOX_SOURCE_H_
