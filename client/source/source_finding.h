#ifndef MIRROR_CLIENT_SOURCE_SOURCE_FINDING_H_
#define MIRROR_CLIENT_SOURCE_SOURCE_FINDING_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mirror {

/// What somebody who looks at a source from outside finds of one thing that the agent needs of it.
struct SourceFinding {
  enum class Outcome : std::uint8_t {
    kOk,
    kWarn,  ///< Works, and somebody should see to it.
    kFail,  ///< Does not work.
  };
  std::string step;  ///< What was looked at, in a word or two.
  Outcome outcome = Outcome::kOk;
  std::string words;  ///< What was found; no value of a row.
  std::string next;   ///< What to do; empty only with kOk.
};

/// All of one look, in their order.
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
  /// What cannot be asked is a finding, too.
  void CannotAsk(std::string step, const absl::Status& status) {
    Fail(std::move(step), absl::StrCat("cannot be asked: ", std::string(status.message())),
         "correct that, then run this again");
  }
  const std::vector<SourceFinding>& all() const { return all_; }

 private:
  std::vector<SourceFinding> all_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SOURCE_FINDING_H_
