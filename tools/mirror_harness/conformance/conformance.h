#ifndef MIRROR_TOOLS_MIRROR_HARNESS_CONFORMANCE_CONFORMANCE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_CONFORMANCE_CONFORMANCE_H_

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "tools/mirror_harness/conformance/exam.h"
#include "tools/mirror_harness/synthetic/options.h"

namespace mirror::harness {

/// Something that every endpoint of this protocol must do.
struct Requirement {
  std::string id;        ///< "rows.gap", unique.
  std::string sentence;  ///< What the endpoint must do.
  std::string section;   ///< Where the protocol says so: a comment of the .proto files.
  /// Throws Unmet or NotExamined.
  std::function<void(Exam&)> examine;
};

/// Those of several parts, in this order.
std::vector<Requirement> Together(std::initializer_list<std::vector<Requirement> (*)()> parts);

// One file for each.
std::vector<Requirement> HandshakeRequirements();
std::vector<Requirement> TableRequirements();
std::vector<Requirement> BatchRequirements();
std::vector<Requirement> PositionRequirements();
std::vector<Requirement> CycleRequirements();
std::vector<Requirement> EqualityRequirements();
std::vector<Requirement> TypeRequirements();
std::vector<Requirement> SchemaChangeRequirements();
std::vector<Requirement> LimitRequirements();
std::vector<Requirement> ReceiptRequirements();
/// All, in the order in which they are examined.
std::vector<Requirement> AllRequirements();

enum class Verdict { kPass, kFail, kSkipped };

struct Finding {
  std::string id, sentence, section;
  Verdict verdict = Verdict::kPass;
  std::string reason;  ///< Empty with kPass.
  double seconds = 0;
};

struct ConformanceReport {
  std::string target, context_id, server_version;
  std::vector<Finding> findings;

  std::size_t Count(Verdict verdict) const;
  bool good() const { return !findings.empty() && Count(Verdict::kFail) == 0; }
};

/// What became of one requirement. Nothing escapes from it.
Finding Examine(const Requirement& requirement, Exam* exam);

/// Examines the endpoint at options.target, over the wire alone. Errors: why it cannot be examined.
absl::StatusOr<ConformanceReport> RunConformance(const Options& options, AgentConfig config,
                                                 const std::string& context_id);

std::string ConformanceText(const ConformanceReport& report);
std::string ConformanceJson(const ConformanceReport& report);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_CONFORMANCE_CONFORMANCE_H_
