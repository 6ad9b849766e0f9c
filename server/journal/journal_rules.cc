#include "server/journal/journal_rules.h"

#include "base/folded_name.h"
#include "base/name_pattern.h"
#include "base/reserved_name.h"

namespace mirror {
namespace {

/// Maximum of tables in the cache of results; beyond it the cache is emptied.
constexpr std::size_t kKnownMax = 10'000;

std::vector<JournalRule> RulesOf(const JournalConfig& config, const std::string& context_id) {
  std::vector<JournalRule> rules;
  for (const JournalRule& rule : config.rules) {
    if (MatchesExactly(context_id, rule.context)) rules.push_back(rule);
  }
  return rules;
}

}  // namespace

JournalRules::JournalRules(const JournalConfig& config, const std::string& context_id)
    : rules_(RulesOf(config, context_id)), keep_ms_(config.keep_ms), bytes_max_(config.bytes_max) {}

TableJournal JournalRules::Of(const std::string& table) const {
  const MutexLock lock(mutex_);
  if (const auto found = known_.find(table); found != known_.end()) return found->second;
  TableJournal kept;
  for (const JournalRule& rule : rules_) {
    if (!MatchesPattern(table, rule.table)) continue;
    kept.journal = rule.journal.value_or(kept.journal);
    kept.history = rule.history.value_or(kept.history);
    kept.history_keep_ms = rule.history_keep_ms.value_or(kept.history_keep_ms);
    kept.history_bytes_max = rule.history_bytes_max.value_or(kept.history_bytes_max);
  }
  kept.journal = kept.journal || kept.history;
  // The ledger holds values of rows, and its source deletes those with the rows: a history would keep them.
  if (SameName(table, kLedgerName)) kept.history = false;
  if (known_.size() >= kKnownMax) known_.clear();
  known_.emplace(table, kept);
  return kept;
}

std::shared_ptr<const JournalRules> JournalRulesOf(const JournalConfig& config,
                                                   const std::string& context_id) {
  for (const JournalRule& rule : config.rules) {
    if (!MatchesExactly(context_id, rule.context)) continue;
    if (rule.journal.value_or(false) || rule.history.value_or(false)) {
      return std::make_shared<const JournalRules>(config, context_id);
    }
  }
  return nullptr;
}

}  // namespace mirror
