#include "server/rules_print.h"

#include <concepts>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "server/hub/plan/hub_rules.h"
#include "server/store/postgres/place/server_rows.h"

namespace mirror {
namespace {

constexpr std::size_t kDigits = 16;

/// Joins values with their lengths, so that two different lists never give the same text.
class Rules {
 public:
  Rules& Add(const std::string& text) {
    absl::StrAppend(&text_, text.size(), ":", text);
    return *this;
  }
  Rules& Add(std::integral auto number) {
    absl::StrAppend(&text_, static_cast<std::int64_t>(number), ";");
    return *this;
  }
  template <typename Value>
  Rules& Add(const std::optional<Value>& value) {
    return value ? Add(*value) : Add(std::string("-"));
  }
  template <typename Value>
  Rules& Add(const std::vector<Value>& values) {
    Add(values.size());
    for (const Value& value : values) Add(value);
    return *this;
  }
  Rules& Add(const ColumnRuleBlock& block) {
    Add(block.context).Add(block.table).Add(block.plain).Add(block.leave_out).Add(block.hash).Add(block.mask);
    return Add(block.mask_keep);
  }
  Rules& Add(const BreakerLimits& limits) {
    Add(limits.on).Add(limits.rows_percent).Add(limits.rows_min).Add(limits.tables_percent);
    return Add(limits.tables_min).Add(limits.window_ms);
  }
  Rules& Add(const BreakerRule& rule) {
    Add(rule.context).Add(rule.table).Add(rule.of_table).Add(rule.on).Add(rule.rows_percent);
    return Add(rule.rows_min).Add(rule.tables_percent).Add(rule.tables_min);
  }
  Rules& Add(const FreshnessRule& rule) {
    return Add(rule.context).Add(rule.table).Add(rule.of_table).Add(rule.target_ms);
  }
  Rules& Add(const JournalRule& rule) {
    Add(rule.context).Add(rule.table).Add(rule.journal).Add(rule.history).Add(rule.history_keep_ms);
    return Add(rule.history_bytes_max);
  }
  Rules& Add(const TenantSwitch& tenant) { return Add(tenant.context).Add(tenant.on); }
  Rules& Add(const HookConfig& hook) {
    Add(hook.name).Add(hook.on).Add(hook.context_id).Add(hook.command).Add(hook.url);
    return Add(hook.timeout.count()).Add(static_cast<int>(hook.on_error));
  }

  std::string Print() const { return HexDigest(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string RulesPrint(const ServerConfig& config, const std::string& application_key) {
  Rules rules;
  rules.Add(config.application.id).Add(application_key).Add(config.postgres.replicated);
  rules.Add(config.data.automatic_provisioning);
  rules.Add(config.data.drop_grace.count()).Add(config.limits.cycle_idle.count()).Add(config.miss_window_ms);
  rules.Add(config.columns.blocks).Add(config.breaker.limits).Add(config.breaker.rules);
  rules.Add(config.journal.keep_ms).Add(config.journal.bytes_max).Add(config.journal.rules);
  rules.Add(config.freshness).Add(config.receipts.on).Add(config.receipts.tenants).Add(config.hooks.hooks);
  for (const HubRules& hub : config.hubs) rules.Add(hub.storage).Add(DigestOf(hub));
  const std::string columns = Rules().Add(config.columns.blocks).Print();
  return columns.substr(0, kColumnRulesDigits) + rules.Print().substr(0, kDigits - kColumnRulesDigits);
}

}  // namespace mirror
