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

/// In which other forms the database may return a value of a column that nobody edited.
enum class FormOf : std::uint8_t {
  kNothing,  ///< Texts and bytes: another form is another value.
  kTyped,    ///< Numbers or times: the database writes every text in the type's own form.
  /// Each value has a kind of its own, as in a SQLite column without a type. Texts stay as a user typed
  /// them: '01067' is not '1067', and '+49' is not '49'.
  kAny,
  /// Values of any kind where the source expected times, numbers or texts, for example an invalid date.
  kWidened,
};

/// Returns whether two values of such a column are one number or one time in two forms. Examples: 12.5,
/// '12.50' and '12.5000'; '2026-01-02T03:04:05Z' and '2026-01-02 03:04:05.000'. A database writes values in
/// another form when their column's type changes.
bool SaysTheSame(const Literal& a, const Literal& b, FormOf form);

/// By column: the other forms in which its values may come. A column that is not in the map has no other
/// form.
using FormedColumns = std::map<std::string, FormOf>;

/// A row as it is in the mirror: the mapped columns.
struct SourceRow {
  std::map<std::string, Literal> values;  ///< By column.
  std::optional<std::int64_t> changed_ms = std::nullopt;
};

/// One row that was read, and all that is known about it.
struct RowReading {
  const HubEntity& entity;
  const HubMember& member;
  RowRef ref;
  std::optional<SourceRow> row = {};  ///< Absent: the row does not exist.
  std::optional<MemberRow> old = {};  ///< The hub's copy.
  std::optional<ResumeMode> mode = {};
  bool first = false;                  ///< Nothing of the member was read before.
  bool compare = false;                ///< All of its rows are read.
  bool anew = false;                   ///< The journal shows that a row with this key was deleted.
  bool removed = false;                ///< The ledger shows that the exchange deleted such a row.
  Wrote wrote = {};                    ///< The exchange's writes, from the ledger.
  std::set<std::string> undone = {};   ///< Columns that the exchange wrote and their database changed again.
  std::set<std::string> applied = {};  ///< See RowWork.
  /// Present if the ledger shows that the exchange inserted this row: the id of the golden record for which
  /// it was inserted. Empty: that record is no longer known.
  std::optional<std::string> made = {};
  const FormedColumns* formed = nullptr;  ///< See MemberLook::FormsOf(). Null: none.
  std::int64_t time = 0;                  ///< The hub's time.
  std::int64_t now_ms = 0;                ///< The clock's time.
};

/// Meaning of a reading for the hub.
struct RowNews {
  std::optional<MemberRow> row = {};  ///< The row to keep; absent: the hub does not know it any more.
  struct Left {
    bool wish = false;       ///< A user deleted it.
    bool give_back = false;  ///< A restore lost the row, and it is to be inserted again.
  };
  std::optional<Left> left = {};  ///< The known row does not exist any more.
  /// Present if a row that the exchange inserted was deleted before the hub read it. It is not inserted
  /// again. True: a user deleted it.
  std::optional<bool> made_and_gone = {};
  std::vector<std::string> taken_back = {};  ///< Attributes in which a system changed the exchange's value.
  std::vector<std::pair<std::string, Literal>> replaced = {};  ///< Values that the exchange overwrote.
};

/// Compares what one row says now with what it said before. No side effects.
RowNews ReadRow(RowReading reading);

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_PLAN_READ_ROW_H_
