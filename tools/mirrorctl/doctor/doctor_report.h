#ifndef MIRROR_TOOLS_MIRRORCTL_DOCTOR_DOCTOR_REPORT_H_
#define MIRROR_TOOLS_MIRRORCTL_DOCTOR_DOCTOR_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "certs/expiry.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// What became of one step of an examination.
enum class StepOutcome : std::uint8_t {
  kOk,
  kWarn,     ///< Works, and somebody should see to it.
  kFail,     ///< Does not work.
  kSkipped,  ///< Was not looked at, since a step before it failed.
};

struct DoctorStep {
  std::string step;
  StepOutcome outcome = StepOutcome::kOk;
  std::string words;  ///< What was found.
  std::string next;   ///< What to do; empty only with kOk and kSkipped.
};

/// Prints what an examination finds, a line for each step as it comes, or with `json` an array in the end;
/// the exit code becomes 1 when something needs doing.
class DoctorReport {
 public:
  DoctorReport(Console& console, bool json) : console_(console), json_(json) {}

  void Ok(const std::string& step, const std::string& words) { Add({step, StepOutcome::kOk, words, ""}); }
  void Warn(const std::string& step, const std::string& words, const std::string& next) {
    Add({step, StepOutcome::kWarn, words, next});
  }
  void Fail(const std::string& step, const std::string& words, const std::string& next) {
    Add({step, StepOutcome::kFail, words, next});
  }
  /// `because`: the step that failed.
  void Skip(const std::string& step, const std::string& because);
  /// By its end: OK, WARN within 30 days of it, FAIL behind it.
  void Dated(const std::string& step, const DatedKey& key, const std::string& next);

  /// The array of `json`, or how many steps need doing.
  void Finish();

 private:
  void Add(DoctorStep result);

  Console& console_;
  const bool json_;
  std::vector<DoctorStep> results_;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_DOCTOR_DOCTOR_REPORT_H_
