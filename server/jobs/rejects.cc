#include "server/jobs/rejects.h"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

/// Each has up to some KB.
constexpr std::size_t kRejectsTogether = 50;

void AppendCsv(std::string_view field, std::string* csv) {
  csv->push_back('"');
  for (const char c : field) {
    if (c == '"') csv->push_back('"');
    csv->push_back(c);
  }
  csv->push_back('"');
}

std::string CsvOf(const std::vector<Reject>& rejects) {
  std::string csv;
  for (const Reject& reject : rejects) {
    absl::StrAppend(&csv, reject.line, ",");
    AppendCsv(reject.external_id, &csv);
    csv.push_back(',');
    AppendCsv(reject.message, &csv);
    csv.push_back(',');
    AppendCsv(reject.raw, &csv);
    csv.push_back('\n');
  }
  return csv;
}

/// Reads one piece ahead, to know which one is the last.
class RejectsSource final : public HttpBodySource {
 public:
  RejectsSource(RejectReading reading, std::vector<Reject> first)
      : reading_(std::move(reading)), ahead_(std::move(first)) {}

  absl::StatusOr<bool> Next(std::string* piece) override {
    *piece = std::exchange(head_, "") + CsvOf(ahead_);
    if (ahead_.empty()) return false;
    ASSIGN_OR_RETURN(ahead_, reading_.Next());
    return !ahead_.empty();
  }

 private:
  RejectReading reading_;
  std::vector<Reject> ahead_;
  std::string head_ = "line,externalId,message,row\n";
};

}  // namespace

RejectReading::RejectReading(std::shared_ptr<Tenant> tenant, const std::string& job)
    : tenant_(std::move(tenant)), begin_(absl::StrCat(job, "/")), last_(RejectId(job, 0)) {}

absl::StatusOr<std::vector<Reject>> RejectReading::Next() {
  std::vector<Reject> rejects;
  while (rejects.empty() && !is_over_) {
    // Starts at the last one, which is read again if it still exists.
    ASSIGN_OR_RETURN(const auto documents, tenant_->ListDocuments(kRejectKind, last_, kRejectsTogether + 1));
    is_over_ = documents.size() <= kRejectsTogether;
    for (const Document& document : documents) {
      if (!absl::StartsWith(document.id, begin_)) {
        is_over_ = true;
        break;
      }
      const bool was_read = document.id == last_ && !is_first_;
      is_first_ = false;
      last_ = document.id;
      std::optional<Reject> reject = was_read ? std::nullopt : RejectOf(document.text);
      if (reject) rejects.push_back(*std::move(reject));
    }
  }
  return rejects;
}

absl::StatusOr<std::unique_ptr<HttpBodySource>> StreamRejects(std::shared_ptr<Tenant> tenant,
                                                              const std::string& job) {
  RejectReading reading(std::move(tenant), job);
  ASSIGN_OR_RETURN(std::vector<Reject> first, reading.Next());
  return std::make_unique<RejectsSource>(std::move(reading), std::move(first));
}

}  // namespace mirror
