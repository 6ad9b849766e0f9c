#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_REPORT_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "certs/expiry.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// The result of one step of an examination.
enum class StepOutcome : std::uint8_t {
  kOk,
  kHint,     ///< It works, and an optional change would make it better.
  kWarn,     ///< It works, but somebody should act.
  kFail,     ///< It does not work.
  kSkipped,  ///< It was not checked, because an earlier step failed.
};

struct DoctorStep {
  std::string step;
  StepOutcome outcome = StepOutcome::kOk;
  std::string words;  ///< The finding.
  std::string next;   ///< What to do next, one or several lines; empty only with kOk and kSkipped.
  /// With several servers: the server of the step; empty: the step belongs to no server.
  std::string server = {};
};

/// Prints the findings of an examination: each step at once as a line, or with `json` all steps in the end as
/// an array. Sets exit code 1 if something needs doing, unless the code is already worse.
class DoctorReport {
 public:
  DoctorReport(Console& console, bool json) : console_(console), json_(json) {}

  /// Starts the next of several examinations. `server`: its address, which `json` shows in each step; empty:
  /// no server. `file`: its configuration. Without a call there is one examination.
  void Begin(const std::string& server, const std::string& file);

  void Ok(const std::string& step, const std::string& words) { Add({step, StepOutcome::kOk, words, ""}); }
  void Warn(const std::string& step, const std::string& words, const std::string& next) {
    Add({step, StepOutcome::kWarn, words, next});
  }
  void Hint(const std::string& step, const std::string& words, const std::string& next) {
    Add({step, StepOutcome::kHint, words, next});
  }
  void Fail(const std::string& step, const std::string& words, const std::string& next) {
    Add({step, StepOutcome::kFail, words, next});
  }
  /// Reports that a step was skipped. `because`: the step that failed.
  void Skip(const std::string& step, const std::string& because);
  /// Reports on a date of expiry: OK, WARN from 30 days before it, FAIL after it.
  void Dated(const std::string& step, const DatedKey& key, const std::string& next);

  /// Prints the array of `json`, or the number of steps for which somebody has to act.
  void Finish();

 private:
  void Add(DoctorStep result);

  Console& console_;
  const bool json_;
  bool several_ = false;  ///< Begin() was called.
  std::string server_;
  std::vector<DoctorStep> results_;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_REPORT_H_
