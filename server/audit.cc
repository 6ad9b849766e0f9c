#include "server/audit.h"

#include <spdlog/spdlog.h>

#include "server/log_text.h"
#include "server/rpc_status.h"

namespace mirror {
namespace {

constexpr std::size_t kFieldBytesMax = 500;

/// What a client wrote, in one line of bounded length.
std::string Tidy(const std::string& text) { return CutMessage(OneLine(text), kFieldBytesMax); }

}  // namespace

void Audit::Add(const std::string& who, const std::string& call, const absl::Status& outcome) {
  AuditRecord record;
  record.who = Tidy(who);
  record.call = Tidy(call);
  record.outcome = outcome.ok() ? "OK" : absl::StatusCodeToString(outcome.code());
  spdlog::info("audit {}: {}: {}", record.who, record.call, record.outcome);
  if (absl::Status kept = catalog_.AddAudit(record); !kept.ok()) {
    spdlog::error("this audit record was not kept: {}", std::string(kept.message()));
  }
}

}  // namespace mirror
