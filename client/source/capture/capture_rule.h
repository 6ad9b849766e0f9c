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

// CaptureState::Table::form, a text of lines: the strategy and its column; what a digest is over and how rows
// are told apart; what is done with the rows on their way.

namespace mirror {

/// A table of the source, or a file, with a row for each row that was deleted from another one.
struct DeleteFeed {
  std::string table;             ///< As its reader calls it.
  std::vector<std::string> key;  ///< Its columns with the key of what was deleted, in the order of that key.
  std::string column;            ///< It only grows, as that of a watermark.
  friend bool operator==(const DeleteFeed&, const DeleteFeed&) = default;
};

/// How a look finds what changed in a table.
struct CaptureRule {
  Strategy how = Strategy::kSynthetic;  ///< None for which IsLogged().
  std::string column = {};
  bool by_column = false;    ///< What changed of a row that is remembered is known column by column.
  Precision precision = {};  ///< kWatermarkCdc
  std::int64_t window_ms = 0;
  bool filtered = false;  ///< `where` takes rows out.
  /// kWindow: what `column` holds. Absent: kUnix where its greatest value is a number, else kIso.
  std::optional<TimeFormat> time = {};
  std::optional<DeleteFeed> deletes_from = {};  ///< kWatermark: by which its deletes are found.

  /// A look brings every row that the mirror should have, and tells what is gone.
  bool SeesDeletes() const { return how == Strategy::kSynthetic || how == Strategy::kWatermarkCdc; }
  /// What is gone becomes known, in one way or the other.
  bool LearnsDeletes() const { return SeesDeletes() || deletes_from.has_value(); }
  friend bool operator==(const CaptureRule&, const CaptureRule&) = default;
};

/// Which tables of a source are captured, and how.
struct CaptureRules {
  std::map<std::string, CaptureRule> tables = {};  ///< By folded name.
  bool others = true;                              ///< Also tables that are not in `tables`: kSynthetic.
  std::set<std::string> logged = {};               ///< By folded name: tables that are not, in any case.

  /// Null: the table is not captured.
  const CaptureRule* Find(std::string_view table) const;
};

/// A watermark before every number and every text.
inline KeyPart BeforeAll() { return {Kind::kInteger, INT64_MIN, 0, ""}; }
/// The watermark from which rows are looked at again.
KeyPart CutToPrecision(const KeyPart& pointer, const Precision& precision);
/// A text that begins as 2024-05-01.
bool LooksLikeADay(const KeyPart& part);
/// The begin of the window that ends now. A day is not divided.
KeyPart BeginOfWindow(const CaptureRule& rule, bool numbers, std::int64_t now_ms);

/// `steps`: SourceTable.steps.
std::string WriteCaptureForm(const TableSchema& table, const CaptureRule& rule, const std::string& steps);

/// The first line.
struct LookedBy {
  std::optional<Strategy> strategy;  ///< Absent: a word of another version.
  std::string word;                  ///< The strategy as it was written.
  std::string column;                ///< Empty: it needs none.
  bool HasPointer() const { return strategy && mirror::HasPointer(*strategy); }
};
LookedBy ReadLookedBy(const std::string& capture_form);

/// The same for a history. `capture_form` may be empty: the table was not looked at yet.
Form FormOf(Strategy strategy, const std::string& capture_form);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_RULE_H_
