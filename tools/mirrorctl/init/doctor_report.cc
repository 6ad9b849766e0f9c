#include "tools/mirrorctl/init/doctor_report.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/admin_output.h"

namespace mirror {
namespace {

constexpr std::size_t kStepWidth = 24;

const char* NameOf(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::kOk:
      return "OK";
    case StepOutcome::kHint:
      return "HINT";
    case StepOutcome::kWarn:
      return "WARN";
    case StepOutcome::kFail:
      return "FAIL";
    case StepOutcome::kSkipped:
      break;
  }
  return "SKIP";
}

Colour ColourOf(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::kOk:
    case StepOutcome::kHint:
      return Colour::kGreen;
    case StepOutcome::kWarn:
      return Colour::kYellow;
    case StepOutcome::kFail:
      return Colour::kRed;
    case StepOutcome::kSkipped:
      break;
  }
  return Colour::kNone;
}

bool NeedsDoing(const DoctorStep& result) {
  return result.outcome == StepOutcome::kWarn || result.outcome == StepOutcome::kFail;
}

}  // namespace

void DoctorReport::Begin(const std::string& server, const std::string& file) {
  if (!json_) {
    console_.out << (several_ ? "\n" : "") << Printable(server) << (server.empty() ? "" : "  ")
                 << Printable(file) << '\n';
  }
  several_ = true;
  server_ = server;
}

void DoctorReport::Skip(const std::string& step, const std::string& because) {
  Add({step, StepOutcome::kSkipped, absl::StrCat("not checked, because '", because, "' failed"), ""});
}

void DoctorReport::Dated(const std::string& step, const DatedKey& key, const std::string& next) {
  const std::int64_t now_s = std::time(nullptr);
  const std::string words = absl::StrCat("'", key.name, "' ", ExpiryWords(key.not_after_s, now_s));
  switch (ExpiryAt(key.not_after_s, now_s)) {
    case Expiry::kFar:
      return Ok(step, words);
    case Expiry::kSoon:
      return Warn(step, words, next);
    case Expiry::kOver:
      return Fail(step, words, next);
  }
}

void DoctorReport::Add(DoctorStep result) {
  if (NeedsDoing(result)) console_.exit_code = std::max(console_.exit_code, Console::kFailed);
  result.server = server_;
  if (!json_) {
    const std::string outcome = NameOf(result.outcome), step = Printable(result.step);
    // The number of characters is the number of bytes that begin a character of UTF-8.
    const auto wide = static_cast<std::size_t>(
        std::count_if(step.begin(), step.end(), [](char c) { return (c & 0xc0) != 0x80; }));
    console_.out << Coloured{outcome, ColourOf(result.outcome)} << std::string(6 - outcome.size(), ' ')
                 << step << std::string(wide < kStepWidth ? kStepWidth - wide : 1, ' ')
                 << Printable(result.words) << '\n';
    const char* indent = "      do: ";
    for (const absl::string_view line : absl::StrSplit(result.next, '\n', absl::SkipEmpty())) {
      console_.out << std::exchange(indent, "          ") << Printable(std::string(line)) << '\n';
    }
    console_.out.flush();
  }
  results_.push_back(std::move(result));
}

void DoctorReport::Finish() {
  if (json_) {
    Json list = Json::array();
    for (const DoctorStep& result : results_) {
      Json step = {{"step", result.step},
                   {"outcome", NameOf(result.outcome)},
                   {"words", result.words},
                   {"do", result.next}};
      if (several_) step["server"] = result.server.empty() ? Json() : Json(result.server);
      list.push_back(std::move(step));
    }
    return PrintJson(console_.out, list);
  }
  const auto doing = std::count_if(results_.begin(), results_.end(), NeedsDoing);
  console_.out << '\n'
               << results_.size() << " steps, "
               << (doing == 0 ? "nothing needs doing"
                              : absl::StrCat(doing, doing == 1 ? " needs" : " need", " doing"))
               << '\n';
}

}  // namespace mirror
