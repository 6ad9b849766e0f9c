#ifndef MIRROR_SERVER_HUB_PLAN_READ_ROW_H_
#define MIRROR_SERVER_HUB_PLAN_READ_ROW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/wire/exchange/ledger.h"
#include "server/hub/plan/hub_values.h"

namespace mirror {

/// Which other forms of a value a column's database may write, though nobody edited it.
enum class FormOf : std::uint8_t {
  kNothing,  ///< Texts and bytes: another form is another value.
  kTyped,    ///< Numbers or times: the database writes every text in it.
  /// Each value has a kind of its own, as in a SQLite column without a type. Texts are as somebody typed
  /// them: '01067' is not '1067', and '+49' is not '49'.
  kAny,
  /// Values of any kind where the source expected times, numbers or texts, as a date that is none.
  kWidened,
};

/// Whether two values of such a column are one number or one moment in two forms: 12.5, '12.50' and
/// '12.5000', or '2026-01-02T03:04:05Z' and '2026-01-02 03:04:05.000'. A column whose type changes is written
/// in another form by its database.
bool SaysTheSame(const Literal& a, const Literal& b, FormOf form);

/// By column: in which other forms its values may come. Columns that are not in it: in none.
using FormedColumns = std::map<std::string, FormOf>;

/// A row as it stands in the mirror: the mapped columns.
struct SourceRow {
  std::map<std::string, Literal> values;  ///< By column.
  std::optional<std::int64_t> changed_ms = std::nullopt;
};

/// One row that was read, and all that is known of it.
struct RowReading {
  const HubEntity& entity;
  const HubMember& member;
  RowRef ref;
  std::optional<SourceRow> row = {};  ///< Absent: it is not there.
  std::optional<MemberRow> old = {};  ///< As the hub knows it.
  std::optional<ResumeMode> mode = {};
  bool first = false;                  ///< Nothing of the member was ever read.
  bool compare = false;                ///< All of its rows are read.
  bool anew = false;                   ///< The journal says that a row under this key was deleted.
  bool removed = false;                ///< The ledger says that the exchange deleted one.
  Wrote wrote = {};                    ///< What the ledger says that the exchange wrote.
  std::set<std::string> undone = {};   ///< Columns that the exchange wrote, and its database changed again.
  std::set<std::string> applied = {};  ///< See RowWork.
  /// The ledger says that the exchange made it: for this record, empty where nobody knows any more which.
  std::optional<std::string> made = {};
  const FormedColumns* formed = nullptr;  ///< See MemberLook::FormsOf(). Null: none.
  std::int64_t time = 0;                  ///< The hub's.
  std::int64_t now_ms = 0;                ///< The clock's.
};

/// What that means.
struct RowNews {
  std::optional<MemberRow> row = {};  ///< As it is known from here on; absent: it is unknown.
  struct Left {
    bool wish = false;       ///< A user deleted it.
    bool give_back = false;  ///< A restore took it, and it is to be made again.
  };
  std::optional<Left> left = {};  ///< The row that was known is not there any more.
  /// What the exchange had made was deleted before it was read: it is not made again. True: a user did it.
  std::optional<bool> made_and_gone = {};
  std::vector<std::string> taken_back = {};  ///< Attributes where a system changed what the exchange wrote.
  std::vector<std::pair<std::string, Literal>> replaced = {};  ///< Values that the exchange wrote over.
};

/// What one row says now, against what it said. No side effects.
RowNews ReadRow(RowReading reading);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_READ_ROW_H_
