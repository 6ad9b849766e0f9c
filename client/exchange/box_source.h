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

/// A row of an answer: whole numbers, texts and NULL; what is true is 1.
using BoxRow = std::vector<Literal>;
/// 0 where it is none.
std::int64_t BoxNumber(const Literal& value);
/// Empty where it is none.
std::string BoxString(const Literal& value);

/// Statements over the tables in which a source shows its exchange, one text of them for each kind of
/// database: `?1`, `?2`, … stand for what is bound, and IS DISTINCT FROM compares with NULL. Few rows at a
/// time, and nothing of the application's tables.
/// Errors: those of the source's connection. Threads: the connection's.
class BoxSql {
 public:
  virtual ~BoxSql() = default;

  /// What makes the tables is said otherwise by each database.
  struct Dialect {
    const char* number;                             ///< The type of whole numbers.
    const char* next_number;                        ///< Of a column that numbers its rows by itself.
    std::string (*time_order)(const std::string&);  ///< See ComparableTime() of the kind.
    std::string (*bytes_of)(const std::string&);    ///< In SQL: how many bytes a text has.
  };
  virtual Dialect dialect() const = 0;
  /// A table as it stands in statements.
  virtual std::string Named(std::string_view table) const = 0;
  /// "name ON table" of CREATE INDEX.
  virtual std::string IndexOn(std::string_view name, std::string_view table) const = 0;
  /// What an error says of where the tables are.
  virtual std::string Place() const = 0;

  /// One statement. It may be sent with later ones: then Query(), or the end of the change, has its error.
  virtual absl::Status Run(const std::string& sql, std::vector<Literal> bound = {}) = 0;
  virtual absl::StatusOr<std::vector<BoxRow>> Query(const std::string& sql,
                                                    std::vector<Literal> bound = {}) = 0;
  /// What is done in it is there or not. In a change it is a part of that one; else it may be called again,
  /// after what it did was taken back.
  virtual absl::Status Change(const std::function<absl::Status()>& work) = 0;

  /// In a change: a box of which the row `id` was written numbers its rows by itself from behind that on.
  virtual absl::Status KeepNumber(std::string_view box, std::int64_t id) = 0;

  /// Folded. Empty: there is no such table or view.
  virtual absl::StatusOr<std::set<std::string>> ColumnsOf(std::string_view table) = 0;

  /// The first value of the only row.
  absl::StatusOr<std::int64_t> Number(const std::string& sql, std::vector<Literal> bound = {});
};

/// A row that the application changed, as a box tells of it.
struct ChangedForBox {
  const MemberTable* table = nullptr;
  RowOf key;
  bool whole = false;                    ///< Inserted, removed or moved; else only updated:
  std::set<std::uint32_t> columns = {};  ///< these, as indexes in the table's plan.
  bool ended = false;                    ///< A row with this key surely went, whatever stands there now.
  std::optional<RowOf> row;              ///< Its PlainColumns() as they stand now; absent: it is gone.
};

/// What a box calls a row, taken apart: of a key of several columns a JSON array of texts or whole numbers.
/// Absent: it is none of a key with so many columns.
std::optional<std::vector<std::string>> BoxKeyParts(const std::string& key, std::size_t count);

/// What a box says as a value, and where it is a whole number that fits; absent: it is none.
sqlite::Value BoxText(std::string text);
std::optional<sqlite::Value> BoxWholeNumber(const std::string& text);

/// A source's database as what shows its exchange needs it: its own tables, the names of those that are
/// mirrored, and what changed in them. Each call is a part of a change. Errors: those of BoxSql. Threads:
/// one.
class BoxSource {
 public:
  virtual ~BoxSource() = default;

  virtual BoxSql& sql() = 0;
  /// By the name under which it is sent; null: there is none. Valid for the change.
  virtual absl::StatusOr<const MemberTable*> Find(const std::string& sent_name) = 0;

  /// What the application changed since the last time, each key once, for about `limit` changes of a table.
  /// True: there is more.
  virtual absl::StatusOr<bool> TakeChanges(std::int64_t limit,
                                           const std::function<absl::Status(const ChangedForBox&)>& tell) = 0;
  /// Whatever changed until now is not told.
  virtual absl::Status PassChanges() = 0;
  /// Before an import writes anything. True: what it writes will not be among the changes. False: those have
  /// to be taken now, and passed behind it.
  virtual absl::StatusOr<bool> HideImport() = 0;
  /// Has the next push send a row as it stands then, or that it is gone. `table`: the source's own name, in
  /// any case. `key`: as a box calls the row. False: it names no row that could be sent.
  virtual absl::StatusOr<bool> SendRow(const std::string& table, const std::string& key) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_BOX_SOURCE_H_
