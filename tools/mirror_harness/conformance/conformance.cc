#include "tools/mirror_harness/conformance/conformance.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/wire/connect.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

const char* NameOf(Verdict verdict) {
  return verdict == Verdict::kPass ? "pass" : verdict == Verdict::kFail ? "fail" : "skipped";
}

}  // namespace

std::vector<Requirement> Together(std::initializer_list<std::vector<Requirement> (*)()> parts) {
  std::vector<Requirement> all;
  for (const auto part : parts) {
    for (Requirement& requirement : part()) all.push_back(std::move(requirement));
  }
  return all;
}

std::vector<Requirement> AllRequirements() {
  return Together({HandshakeRequirements, TableRequirements, BatchRequirements, PositionRequirements,
                   CycleRequirements, EqualityRequirements, TypeRequirements, SchemaChangeRequirements,
                   LimitRequirements, ReceiptRequirements});
}

std::size_t ConformanceReport::Count(Verdict verdict) const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [verdict](const Finding& finding) { return finding.verdict == verdict; }));
}

Finding Examine(const Requirement& requirement, Exam* exam) {
  Finding finding{requirement.id, requirement.sentence, requirement.section, Verdict::kPass, "", 0};
  const Clock::time_point begin = Clock::now();
  try {
    requirement.examine(*exam);
  } catch (const Unmet& unmet) {
    finding.verdict = Verdict::kFail;
    finding.reason = unmet.why;
  } catch (const NotExamined& not_examined) {
    finding.verdict = Verdict::kSkipped;
    finding.reason = not_examined.why;
  } catch (const std::exception& error) {  // An answer that no endpoint should give.
    finding.verdict = Verdict::kFail;
    finding.reason = absl::StrCat("its answer could not be read: ", error.what());
  }
  finding.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return finding;
}

absl::StatusOr<ConformanceReport> RunConformance(const Options& options, AgentConfig config,
                                                 const std::string& context_id) {
  config.endpoint.address = options.target;
  ASSIGN_OR_RETURN(Connection connection, Connect(config));
  ConformanceReport report;
  report.target = options.target;
  // A tenant that the endpoint does not know: what it may hold already is not ours to change.
  report.context_id = options.context_id.empty()
                          ? absl::StrCat(context_id, "-conformance-",
                                         absl::Hex(std::chrono::system_clock::now().time_since_epoch() /
                                                   std::chrono::milliseconds(1)))
                          : options.context_id;
  RETURN_IF_ERROR(CheckContextId(report.context_id));
  Exam exam(std::move(connection), report.context_id);
  // Nobody there is no finding about a protocol; a busy machine may need more than one handshake.
  constexpr int kTries = 5;
  absl::StatusOr<v1::AuthenticateResponse> first = absl::UnavailableError("");
  for (int i = 0; i < kTries && absl::IsUnavailable(first.status()); ++i) {
    first = exam.client().Authenticate("conformance", true, false);
  }
  if (absl::IsUnavailable(first.status()) || absl::IsDeadlineExceeded(first.status())) return first.status();
  if (first.ok()) report.server_version = first->server_version();
  for (const Requirement& requirement : AllRequirements())
    report.findings.push_back(Examine(requirement, &exam));
  return report;
}

std::string ConformanceText(const ConformanceReport& report) {
  std::string text = absl::StrCat("endpoint ", report.target, ", version ", report.server_version,
                                  ", tenant ", report.context_id, "\n");
  for (const Finding& finding : report.findings) {
    absl::StrAppend(&text, NameOf(finding.verdict), "  ", finding.id, "  ", finding.sentence, " [",
                    finding.section, "]\n");
    if (!finding.reason.empty()) absl::StrAppend(&text, "      ", finding.reason, "\n");
  }
  return absl::StrCat(text, report.Count(Verdict::kPass), " passed, ", report.Count(Verdict::kFail),
                      " failed, ", report.Count(Verdict::kSkipped), " skipped of ", report.findings.size(),
                      " requirements\n");
}

std::string ConformanceJson(const ConformanceReport& report) {
  Json json = {{"target", report.target},
               {"context_id", report.context_id},
               {"server_version", report.server_version},
               {"good", report.good()},
               {"passed", report.Count(Verdict::kPass)},
               {"failed", report.Count(Verdict::kFail)},
               {"skipped", report.Count(Verdict::kSkipped)}};
  json["requirements"] = Json::array();
  for (const Finding& finding : report.findings) {
    json["requirements"].push_back({{"id", finding.id},
                                    {"sentence", finding.sentence},
                                    {"section", finding.section},
                                    {"verdict", NameOf(finding.verdict)},
                                    {"reason", finding.reason},
                                    {"seconds", finding.seconds}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mirror::harness
