#ifndef MIRROR_CLIENT_SOURCE_STRATEGY_H_
#define MIRROR_CLIENT_SOURCE_STRATEGY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/enum_words.h"

// Strategies: how the changes of a table are found. Configuration, state files and messages use these words.

namespace mirror {

enum class Strategy {
  kCdc,           ///< The source's change log reports them.
  kSynthetic,     ///< All rows are read and compared with those of the last look.
  kWatermark,     ///< Reads rows whose value in a column that only grows is the greatest so far, or greater.
                  ///< Finds no deletes.
  kWatermarkCdc,  ///< As kWatermark, from that value cut to a Precision; reads all keys to find deletes.
  kWindow,        ///< Reads rows whose time in a column is at most so long ago. Finds no deletes.
  kPopulate,      ///< No source of changes: the table is sent whole.
};

const EnumWords<Strategy>& StrategyWords();
std::string ToString(Strategy strategy);
std::optional<Strategy> ParseStrategy(std::string_view word);

/// Returns whether the strategy uses a column: it asks the source for changed rows instead of reading all
/// rows.
inline bool IsByColumn(Strategy strategy) {
  return strategy == Strategy::kWatermark || strategy == Strategy::kWatermarkCdc ||
         strategy == Strategy::kWindow;
}
/// Returns whether the strategy uses a column that only grows: a pointer records how far it was read.
inline bool HasPointer(Strategy strategy) {
  return strategy == Strategy::kWatermark || strategy == Strategy::kWatermarkCdc;
}
/// Returns whether changes come only from the change log. Nothing is captured for such a table.
inline bool IsLogged(Strategy strategy) {
  return strategy == Strategy::kCdc || strategy == Strategy::kPopulate;
}

/// The smallest unit that is kept of a time text such as 2024-05-01 12:30:00.
enum class TimeUnit { kDay, kHour, kMinute, kSecond };

const EnumWords<TimeUnit>& TimeUnitWords();
std::string ToString(TimeUnit unit);

/// The precision to which a watermark is cut; without both members it stays as it is.
struct Precision {
  std::optional<TimeUnit> unit = {};  ///< For a text.
  std::int64_t step = 0;              ///< For a number: it is cut to a multiple of this; 0: not.
  friend bool operator==(const Precision&, const Precision&) = default;
};

/// The format of a column with a time.
enum class TimeFormat {
  kIso,     ///< A text that begins as 2024-05-01, in UTC.
  kUnix,    ///< Seconds.
  kUnixMs,  ///< Milliseconds.
};

const EnumWords<TimeFormat>& TimeFormatWords();
std::string ToString(TimeFormat format);

/// How changes of a table are found, and in which columns and rows. Notes made in one form have no meaning in
/// another form. The run state stores a form as a text of up to three words.
struct Form {
  std::optional<Strategy> strategy = {};  ///< Absent: another program's text, kept whole in `shape`.
  std::string shape = {};                 ///< A digest of columns and keys; empty: they do not matter.
  std::string rows = {};                  ///< A digest of the steps that choose and change rows:
                                          ///< forms with the same digest have the same rows.
  friend bool operator==(const Form&, const Form&) = default;
};

/// "watermark 0123456789abcdef 0123456789abcdef", "cdc"
std::string ToString(const Form& form);
/// Accepts any text; ToString() gives the same text back.
Form ParseForm(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STRATEGY_H_
