#ifndef MIRROR_CLIENT_SOURCE_SOURCE_FINDING_H_
#define MIRROR_CLIENT_SOURCE_SOURCE_FINDING_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mirror {

/// The result of one check of a source, made outside of a cycle, for one thing that the agent needs.
struct SourceFinding {
  enum class Outcome : std::uint8_t {
    kOk,
    kWarn,  ///< It works, but the operator should act.
    kFail,  ///< It does not work.
  };
  std::string step;  ///< Names the check in a word or two.
  Outcome outcome = Outcome::kOk;
  std::string words;  ///< The result; it contains no value of a row.
  std::string next;   ///< What to do; empty only with kOk.
};

/// All results of one run of the checks, in order.
class SourceFindings {
 public:
  void Ok(std::string step, std::string words) {
    all_.push_back({std::move(step), SourceFinding::Outcome::kOk, std::move(words), ""});
  }
  void Warn(std::string step, std::string words, std::string next) {
    all_.push_back({std::move(step), SourceFinding::Outcome::kWarn, std::move(words), std::move(next)});
  }
  void Fail(std::string step, std::string words, std::string next) {
    all_.push_back({std::move(step), SourceFinding::Outcome::kFail, std::move(words), std::move(next)});
  }
  /// Records a failed query as a finding.
  void CannotAsk(std::string step, const absl::Status& status) {
    Fail(std::move(step), absl::StrCat("cannot be checked: ", std::string(status.message())),
         "correct that, then run this again");
  }
  const std::vector<SourceFinding>& all() const { return all_; }

 private:
  std::vector<SourceFinding> all_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SOURCE_FINDING_H_
