#include "tools/mirrorctl/admin_command.h"

#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/human_text.h"
#include "tools/mirrorctl/admin/control_config.h"

namespace mirror {

Overview::Overview(const std::vector<std::string>& configs, const Interruption* interruption,
                   Console& console)
    : console_(console) {
  for (const ControlConfig& config : LoadControlConfigs(configs, &named_, console)) {
    absl::StatusOr<std::unique_ptr<AdminClient>> client = AdminClient::Open(config);
    if (!client.ok()) {
      Fail(console, client.status());
      console.exit_code = Console::kWrongUsage;
      continue;
    }
    if (interruption != nullptr) {
      (*client)->EndAt(interruption);
      (*client)->EndWithin(kLookPatience);
    }
    servers_.push_back({config.address, *std::move(client)});
  }
}

std::string Overview::Where(std::size_t answered) const {
  const std::string named = Counted(named_, "server");
  return answered == named_ ? absl::StrCat("at ", named)
                            : absl::StrCat("at ", Grouped(answered), " of ", named);
}

void Overview::TellFailures(const std::vector<absl::Status>& statuses) const {
  const int before = console_.exit_code;
  const bool any = std::any_of(statuses.begin(), statuses.end(), [](const auto& one) { return one.ok(); });
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].ok() || (any && absl::IsNotFound(statuses[i]))) continue;
    const std::string words(statuses[i].message());
    // A server's own words do not say which one it is.
    const bool is_named = absl::StrContains(words, servers_[i].address);
    Fail(console_,
         absl::Status(statuses[i].code(), is_named ? words : absl::StrCat(servers_[i].address, ": ", words)));
  }
  console_.exit_code = std::max(console_.exit_code, before);
}

}  // namespace mirror
