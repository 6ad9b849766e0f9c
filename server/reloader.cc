#include "server/reloader.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log_format.h"
#include "base/status_macros.h"
#include "server/config/hub_keys.h"
#include "server/rpc/listener/endpoint.h"

namespace mirror {
namespace {

/// What [[tenant.table]] says of it: behind it stands what [[hub]] wants.
std::vector<JournalRule> JournalOfTenants(const ServerConfig& config) {
  std::vector<JournalRule> rules = config.journal.rules;
  rules.resize(rules.size() - HubJournal(config.hubs).size());
  return rules;
}

}  // namespace

absl::StatusOr<std::size_t> Reloader::Run() {
  const MutexLock lock(mutex_);
  absl::StatusOr<std::size_t> keys = Read();
  if (keys.ok()) {
    const std::string restart =
        changed_.empty() ? ""
                         : absl::StrCat("; changes in ", absl::StrJoin(changed_, ", "),
                                        " since the start are not in force: restart the server for them");
    events_.Add(
        "", changed_.empty() ? Severity::kInformation : Severity::kWarning, "keys.reloaded",
        absl::StrCat(
            "[application], [tokens], [[issuer]] with its keys, [log], the indexes of [[tenant]], and "
            "[[hub]] were read again; keys: ",
            *keys, restart));
  } else {
    events_.Add("", Severity::kError, "keys.not_reloaded",
                absl::StrCat("keys and configuration cannot be read, and the old ones stay in force. Correct "
                             "this, then reload again: ",
                             keys.status().message()));
  }
  return keys;
}

ServerConfig Reloader::in_force() {
  const MutexLock lock(mutex_);
  return in_force_;
}

absl::StatusOr<std::size_t> Reloader::Read() {
  ASSIGN_OR_RETURN(const ServerConfig config, LoadServerConfig(started_with_.file));
  absl::StatusOr<std::size_t> keys = gate_.Reload(config);
  if (!keys.ok()) return keys.status();
  in_force_.application = config.application;
  changed_ = apply_(config);
  SetLevel(*spdlog::default_logger(), config.log_level);
  SetFormat(*spdlog::default_logger(), config.log_format);
  const std::pair<const char*, bool> others[] = {
      {"[listen]", config.listen == started_with_.listen},
      {"[admin]", config.admin == started_with_.admin},
      {"[data]", config.data == started_with_.data},
      {"[postgres]", config.postgres == started_with_.postgres},
      {"[limits]", config.limits == started_with_.limits},
      {"[hooks] and [[hook]]", config.hooks == started_with_.hooks},
      {"[metrics]", config.metrics == started_with_.metrics},
      {"[[tenant]]", config.columns == started_with_.columns && config.freshness == started_with_.freshness &&
                         config.receipts == started_with_.receipts &&
                         JournalOfTenants(config) == JournalOfTenants(started_with_) &&
                         config.breaker.rules == started_with_.breaker.rules},
      {"[journal]", config.journal.keep_ms == started_with_.journal.keep_ms &&
                        config.journal.bytes_max == started_with_.journal.bytes_max},
      {"[breaker]", config.breaker.limits == started_with_.breaker.limits &&
                        config.miss_window_ms == started_with_.miss_window_ms}};
  for (const auto& [name, same] : others) {
    if (!same) changed_.emplace_back(name);
  }
  // Certificates of the listeners are noticed by themselves, good or bad.
  if (absl::Status files = CheckListenerFiles(started_with_); !files.ok()) {
    events_.Add("", Severity::kError, "tls.bad", std::string(files.message()));
  }
  return keys;
}

}  // namespace mirror
