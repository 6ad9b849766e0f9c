#include "client/source/strategy.h"

namespace mirror {

const EnumWords<Strategy>& StrategyWords() {
  static const EnumWords<Strategy> kWords = {{"cdc", Strategy::kCdc},
                                             {"synthetic", Strategy::kSynthetic},
                                             {"watermark", Strategy::kWatermark},
                                             {"watermark_cdc", Strategy::kWatermarkCdc},
                                             {"window", Strategy::kWindow},
                                             {"populate", Strategy::kPopulate}};
  return kWords;
}
std::string ToString(Strategy strategy) { return WordOf(StrategyWords(), strategy); }
std::optional<Strategy> ParseStrategy(std::string_view word) { return ValueOf(StrategyWords(), word); }

const EnumWords<TimeUnit>& TimeUnitWords() {
  static const EnumWords<TimeUnit> kWords = {{"day", TimeUnit::kDay},
                                             {"hour", TimeUnit::kHour},
                                             {"minute", TimeUnit::kMinute},
                                             {"second", TimeUnit::kSecond}};
  return kWords;
}
std::string ToString(TimeUnit unit) { return WordOf(TimeUnitWords(), unit); }
std::optional<TimeUnit> ParseTimeUnit(std::string_view word) { return ValueOf(TimeUnitWords(), word); }

const EnumWords<TimeFormat>& TimeFormatWords() {
  static const EnumWords<TimeFormat> kWords = {
      {"iso", TimeFormat::kIso}, {"unix", TimeFormat::kUnix}, {"unix_ms", TimeFormat::kUnixMs}};
  return kWords;
}
std::string ToString(TimeFormat format) { return WordOf(TimeFormatWords(), format); }
std::optional<TimeFormat> ParseTimeFormat(std::string_view word) { return ValueOf(TimeFormatWords(), word); }

}  // namespace mirror
