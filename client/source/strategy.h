#ifndef MIRROR_CLIENT_SOURCE_STRATEGY_H_
#define MIRROR_CLIENT_SOURCE_STRATEGY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/enum_words.h"

// How the changes of a table are found. Configuration, state files and messages have the words.

namespace mirror {

enum class Strategy {
  kCdc,           ///< The source's change log tells them.
  kSynthetic,     ///< All rows are read, and compared with those of the last look.
  kWatermark,     ///< Rows whose value of a column, which only grows, is the greatest so far or greater. No
                  ///< deletes.
  kWatermarkCdc,  ///< The same from that value cut to a Precision; and all keys, to find what is gone.
  kWindow,        ///< Rows whose time in a column is at most so long ago. No deletes.
  kPopulate,      ///< Nobody tells them: the table is sent whole.
};

const EnumWords<Strategy>& StrategyWords();
std::string ToString(Strategy strategy);
std::optional<Strategy> ParseStrategy(std::string_view word);

/// By a column: rows that changed are asked for, so that not all need be read.
inline bool IsByColumn(Strategy strategy) {
  return strategy == Strategy::kWatermark || strategy == Strategy::kWatermarkCdc ||
         strategy == Strategy::kWindow;
}
/// By a column that only grows: a pointer says how far it was looked at.
inline bool HasPointer(Strategy strategy) {
  return strategy == Strategy::kWatermark || strategy == Strategy::kWatermarkCdc;
}
/// What changed is told by the change log, or by nobody; nothing is captured.
inline bool IsLogged(Strategy strategy) {
  return strategy == Strategy::kCdc || strategy == Strategy::kPopulate;
}

/// Of a text as 2024-05-01 12:30:00.
enum class TimeUnit { kDay, kHour, kMinute, kSecond };

const EnumWords<TimeUnit>& TimeUnitWords();
std::string ToString(TimeUnit unit);
std::optional<TimeUnit> ParseTimeUnit(std::string_view word);

/// To what a watermark is cut; without both: it stays as it is.
struct Precision {
  std::optional<TimeUnit> unit = {};  ///< Of a text.
  std::int64_t step = 0;              ///< Of a number, to a multiple of it; 0: none.
  friend bool operator==(const Precision&, const Precision&) = default;
};

/// What a column with a time holds.
enum class TimeFormat {
  kIso,     ///< A text that begins as 2024-05-01, in UTC.
  kUnix,    ///< Seconds.
  kUnixMs,  ///< Milliseconds.
};

const EnumWords<TimeFormat>& TimeFormatWords();
std::string ToString(TimeFormat format);
std::optional<TimeFormat> ParseTimeFormat(std::string_view word);

/// How what changed in a table is found, and in what of it: what was noted in one form says nothing in
/// another. Run state keeps it as a text of up to three words.
struct Form {
  std::optional<Strategy> strategy = {};  ///< Absent: a text of another program, whole in `shape`.
  std::string shape = {};                 ///< A digest of columns and keys; empty: that does not matter.
  std::string rows = {};  ///< A digest of what chooses and turns the rows: forms with the same
                          ///< are of the same rows.
  friend bool operator==(const Form&, const Form&) = default;
};

/// "watermark 0123456789abcdef 0123456789abcdef", "cdc"
std::string ToString(const Form& form);
/// Takes any text; ToString() makes the same one of it.
Form ParseForm(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STRATEGY_H_
