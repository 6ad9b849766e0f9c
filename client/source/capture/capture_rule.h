#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_RULE_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_RULE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/strategy.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

// CaptureState::Table::form is a text of lines: first the strategy and its column, then the columns that the
// digests and the row's identity are made of, then the steps for the rows.

namespace mirror {

/// A table or file of the source that has one row for each row deleted from another table.
struct DeleteFeed {
  std::string table;             ///< Its name for its reader.
  std::vector<std::string> key;  ///< Columns with the key of the deleted row, in the order of that key.
  std::string column;            ///< A column whose values only grow, as the column of a watermark.
  friend bool operator==(const DeleteFeed&, const DeleteFeed&) = default;
};

/// How a look finds the changes of a table.
struct CaptureRule {
  Strategy how = Strategy::kSynthetic;  ///< Never one of IsLogged().
  std::string column = {};
  bool by_column = false;    ///< It is known of each remembered row which columns changed.
  Precision precision = {};  ///< kWatermarkCdc
  std::int64_t window_ms = 0;
  bool filtered = false;  ///< `where` leaves rows out.
  /// For kWindow: the format of `column`. Absent: kUnix where its greatest value is a number, else kIso.
  std::optional<TimeFormat> time = {};
  std::optional<DeleteFeed> deletes_from = {};  ///< For kWatermark: the feed that reports its deletes.

  /// Whether a look reads every row that the mirror should have, and therefore detects deletes.
  bool SeesDeletes() const { return how == Strategy::kSynthetic || how == Strategy::kWatermarkCdc; }
  /// Whether deletes become known: by the look or by a feed.
  bool LearnsDeletes() const { return SeesDeletes() || deletes_from.has_value(); }
  friend bool operator==(const CaptureRule&, const CaptureRule&) = default;
};

/// Which tables of a source are captured, and by which rule.
struct CaptureRules {
  std::map<std::string, CaptureRule> tables = {};  ///< By folded name.
  bool others = true;                              ///< Captures tables not in `tables`, too: kSynthetic.
  std::set<std::string> logged = {};               ///< By folded name: tables that are never captured.

  /// Null: the table is not captured.
  const CaptureRule* Find(std::string_view table) const;
};

/// Returns a watermark below every number and every text.
inline KeyPart BeforeAll() { return {Kind::kInteger, INT64_MIN, 0, ""}; }
/// Returns the watermark from which the next look reads.
KeyPart CutToPrecision(const KeyPart& pointer, const Precision& precision);
/// Returns whether a text begins in the form 2024-05-01.
bool LooksLikeADay(const KeyPart& part);
/// Returns the begin of the window that ends now. It is never in the middle of a day.
KeyPart BeginOfWindow(const CaptureRule& rule, bool numbers, std::int64_t now_ms);

/// Returns the form of a table, see CaptureState::Table::form. `steps`: SourceTable.steps.
std::string WriteCaptureForm(const TableSchema& table, const CaptureRule& rule, const std::string& steps);

/// The first line of a form.
struct LookedBy {
  std::optional<Strategy> strategy;  ///< Absent: a word of another version.
  std::string word;                  ///< The strategy in its written form.
  std::string column;                ///< Empty: the strategy needs none.
  bool HasPointer() const { return strategy && mirror::HasPointer(*strategy); }
};
LookedBy ReadLookedBy(const std::string& capture_form);

/// Returns the form of a table for a History. `capture_form` may be empty: the table has had no look yet.
Form FormOf(Strategy strategy, const std::string& capture_form);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_RULE_H_
