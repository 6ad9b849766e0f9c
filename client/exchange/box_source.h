#ifndef MIRROR_CLIENT_EXCHANGE_BOX_SOURCE_H_
#define MIRROR_CLIENT_EXCHANGE_BOX_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_sql.h"
#include "client/exchange/member_table.h"

namespace mirror {

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
