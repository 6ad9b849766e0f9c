#include "client/source/strategy.h"

namespace mirror {
namespace {

/// Removes the first word of `text`, and the space after it, and returns the word.
std::string TakeWord(std::string_view* text) {
  const std::string_view word = text->substr(0, text->find(' '));
  text->remove_prefix(word.size() < text->size() ? word.size() + 1 : word.size());
  return std::string(word);
}

}  // namespace

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

const EnumWords<TimeFormat>& TimeFormatWords() {
  static const EnumWords<TimeFormat> kWords = {
      {"iso", TimeFormat::kIso}, {"unix", TimeFormat::kUnix}, {"unix_ms", TimeFormat::kUnixMs}};
  return kWords;
}
std::string ToString(TimeFormat format) { return WordOf(TimeFormatWords(), format); }

std::string ToString(const Form& form) {
  if (!form.strategy) return form.shape;
  std::string text = ToString(*form.strategy);
  if (!form.shape.empty()) text += " " + form.shape;
  if (!form.rows.empty()) text += " " + form.rows;
  return text;
}

Form ParseForm(std::string_view text) {
  Form form;
  std::string_view rest = text;
  form.strategy = ParseStrategy(TakeWord(&rest));
  form.shape = TakeWord(&rest);
  form.rows = std::string(rest);
  if (form.strategy && ToString(form) == text) return form;
  return {std::nullopt, std::string(text)};
}

}  // namespace mirror
