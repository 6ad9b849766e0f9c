#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_REPORT_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "certs/expiry.h"
#include "tools/mirrorctl/admin/console.h"

namespace mirror {

/// What became of one step of an examination.
enum class StepOutcome : std::uint8_t {
  kOk,
  kHint,     ///< Works, and could be better: nobody has to do anything.
  kWarn,     ///< Works, and somebody should see to it.
  kFail,     ///< Does not work.
  kSkipped,  ///< Was not looked at, since a step before it failed.
};

struct DoctorStep {
  std::string step;
  StepOutcome outcome = StepOutcome::kOk;
  std::string words;        ///< What was found.
  std::string next;         ///< What to do, in one line or several; empty only with kOk and kSkipped.
  std::string server = {};  ///< Of several: whose step it is; empty: of none of them.
};

/// Prints what an examination finds, a line for each step as it comes, or with `json` an array in the end;
/// the exit code becomes 1 when something needs doing, unless it is worse.
class DoctorReport {
 public:
  DoctorReport(Console& console, bool json) : console_(console), json_(json) {}

  /// Of several examinations, the next one. `server`: its address, which `json` has in each step; empty: it
  /// is of none. `file`: its configuration. Without this there is one.
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
  bool several_ = false;  ///< Begin() was called.
  std::string server_;
  std::vector<DoctorStep> results_;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_REPORT_H_
